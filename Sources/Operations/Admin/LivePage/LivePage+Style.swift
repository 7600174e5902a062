extension LivePage {
  static let style = """
    :root {
      --page: #f6f7f9; --card: #ffffff; --ink: #15191f; --quiet: #4d5866; --line: #cfd5dd;
      --good: #0b6b3a; --good-ground: #e2f4e9; --warn: #7a4b00; --warn-ground: #fdf0d5;
      --bad: #a3121c; --bad-ground: #fde5e6; --link: #0b57a4; --bar: #2f6fb3;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --page: #12151a; --card: #1b2027; --ink: #eef1f5; --quiet: #b0bac6; --line: #3a434f;
        --good: #7fdca6; --good-ground: #12301f; --warn: #ffcf7a; --warn-ground: #3a2a08;
        --bad: #ff9ea4; --bad-ground: #421216; --link: #8ec3ff; --bar: #6aa9ea;
      }
    }
    * { box-sizing: border-box; }
    [hidden] { display: none !important; }
    body {
      margin: 0 auto; padding: 1rem; max-width: 72rem; background: var(--page); color: var(--ink);
      font: 1rem/1.45 system-ui, sans-serif; font-variant-numeric: tabular-nums;
    }
    h1 { font-size: 1.25rem; margin: 0; }
    h2 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
    p { margin: .25rem 0; }
    a { color: var(--link); }
    :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
    .quiet, caption { color: var(--quiet); font-size: .875rem; }
    .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    .banner { margin-top: .75rem; padding: .75rem 1rem; border-radius: .5rem; border-left: .5rem solid var(--quiet); background: var(--card); }
    .banner.good { background: var(--good-ground); border-color: var(--good); }
    .banner.warn { background: var(--warn-ground); border-color: var(--warn); }
    .banner.bad { background: var(--bad-ground); border-color: var(--bad); }
    .headline { font-size: 1.25rem; font-weight: 600; }
    .good .headline { color: var(--good); } .warn .headline { color: var(--warn); } .bad .headline { color: var(--bad); }
    .reasons { margin: .25rem 0 0; padding-left: 1.25rem; }
    .tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: .5rem; margin: 0; }
    .tiles div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .75rem; }
    .tiles div.warn { background: var(--warn-ground); border-color: var(--warn); }
    dt { color: var(--quiet); font-size: .8125rem; }
    dd { margin: 0; font-size: 1.5rem; font-weight: 600; }
    .row { display: flex; justify-content: space-between; align-items: end; gap: 1rem; margin-top: 1rem; }
    button {
      font: inherit; min-height: 2.75rem; padding: 0 1rem; margin-bottom: .375rem; color: var(--ink);
      background: var(--card); border: 1px solid var(--quiet); border-radius: .5rem; cursor: pointer;
    }
    .scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
    table { width: 100%; border-collapse: collapse; }
    caption { text-align: left; padding: .5rem .75rem; }
    th, td { text-align: left; padding: .375rem .75rem; border-top: 1px solid var(--line); vertical-align: top; }
    th { font-size: .8125rem; color: var(--quiet); font-weight: 600; white-space: nowrap; }
    tbody th { color: var(--ink); font-size: 1rem; white-space: normal; }
    .number { text-align: right; }
    .mark { font-weight: 600; white-space: nowrap; }
    .mark.good { color: var(--good); } .mark.warn { color: var(--warn); } .mark.bad { color: var(--bad); }
    .sub { display: block; color: var(--quiet); font-size: .8125rem; font-weight: 400; overflow-wrap: anywhere; }
    .narrow { display: none; }
    meter { display: block; width: 100%; max-width: 9rem; height: .75rem; }
    .stale main > section:not(#banner) { filter: grayscale(1); }
    .stale .tiles div, .stale .scroll { border-style: dashed; border-color: var(--quiet); }
    .fresh { animation: arrive 1s ease-out; }
    @keyframes arrive { from { background: var(--good-ground); } to { background: transparent; } }
    @media (prefers-reduced-motion: reduce) { .fresh { animation: none; } }
    @media (max-width: 40rem) {
      body { padding: .75rem; }
      .wide { display: none; }
      .narrow { display: revert; }
      .sub.narrow { display: block; }
      table, tbody th { font-size: .875rem; }
      th, td { padding: .375rem .25rem; }
      th:first-child, td:first-child, caption { padding-left: .5rem; }
      th:last-child, td:last-child { padding-right: .5rem; }
      thead th, .sub { font-size: .75rem; }
      dd { font-size: 1.25rem; }
      .tiles { grid-template-columns: 1fr 1fr; }
      #keys:not(.all) tr:nth-child(n + 7) { display: none; }
    }
    """
}
