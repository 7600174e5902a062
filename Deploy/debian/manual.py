"""Writes the manual page cancel-worker(1) from what the program says of itself: `--experimental-dump-help` on standard input."""

import json
import sys

version, date = sys.argv[1:]


def escaped(text):
    """Text as roff takes it literally."""
    lines = []
    for line in text.replace("\\", "\\e").replace("-", "\\-").splitlines():
        lines.append("\\&" + line if line[:1] in (".", "'") else line)
    return "\n".join(lines)


def names(argument):
    value = f" \\fI{escaped(argument['valueName'])}\\fR" if argument["kind"] == "option" else ""
    if argument["kind"] == "positional":
        return f"\\fI{escaped(argument['valueName'])}\\fR"
    spelled = [("\\-\\-" if name["kind"] == "long" else "\\-") + escaped(name["name"]) for name in argument["names"]]
    return ", ".join(f"\\fB{name}\\fR" for name in spelled) + value


def arguments(command):
    for argument in command.get("arguments", []):
        shown = argument["shouldDisplay"] and [name["name"] for name in argument.get("names", [])] not in (
            ["help"], ["h", "help"], ["version"])
        if shown:
            default = f" The default is {argument['defaultValue']}." if argument.get("defaultValue") else ""
            yield f".TP\n{names(argument)}\n{escaped((argument.get('abstract') or '') + default)}"


def discussion(command):
    """Paragraphs are filled; indented lines, and those of lists, stay as they are."""
    block = None
    for line in (command.get("discussion") or "").splitlines():
        wanted = None if not line.strip() else "nf" if line.startswith("  ") else "fi"
        if wanted != block:
            if block == "nf":
                yield ".fi\n.RE"
            if wanted == "nf":
                yield ".RS 4\n.nf"
            if wanted == "fi":
                yield ".PP"
            block = wanted
        if wanted and line == line.upper() and line.replace(" ", "").isalpha():
            yield f"\\fI{escaped(line.capitalize())}\\fR:\n.br"
        elif wanted:
            yield escaped(line.strip() if wanted == "fi" else line[2:])
    if block == "nf":
        yield ".fi\n.RE"


def sections(command, path):
    if command.get("subcommands"):
        for child in command["subcommands"]:
            if child["commandName"] != "help" and child["shouldDisplay"]:
                yield from sections(child, path + [child["commandName"]])
        if len(path) == 1:
            return
    yield f".SS {escaped(' '.join(path[1:]))}\n{escaped(command['abstract'])}"
    yield from discussion(command)
    yield from arguments(command)


root = json.load(sys.stdin)["command"]
page = [
    f'.TH CANCEL\\-WORKER 1 "{date}" "cancel\\-worker {version}" "User Commands"',
    f".SH NAME\ncancel\\-worker \\- {escaped(root['abstract'][0].lower() + root['abstract'][1:].rstrip('.'))}",
    ".SH SYNOPSIS\n.B cancel\\-worker\n\\fIcommand\\fR [\\fIoptions\\fR]",
    ".SH DESCRIPTION",
    *discussion(root),
    ".SH COMMANDS",
    *sections(root, ["cancel-worker"]),
    ".SH FILES\n.TP\n/etc/cancel\\-worker\nwhere the service looks for worker.yaml, accounts.yaml, environment and the folder keys"
    "\n.TP\n/usr/share/doc/cancel\\-worker/examples\na configuration with every key, and examples of the other files",
]
print("\n".join(page))
