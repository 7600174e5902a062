import Foundation

extension BenchStage {
  /// Writes an accounts file with accounts `a0`, `a1`, … and returns the settings that name it.
  func accountsFile(_ count: Int) throws -> [String: String] {
    let members = (0..<count).map {
      "\"a\($0)\":{\"environment\":\"demo\",\"apiKey\":\"key\",\"userKey\":\"user-\($0)\"}"
    }
    let file = folder.appendingPathComponent("accounts.json")
    try "{\"accounts\":{\(members.joined(separator: ","))}}".write(to: file, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    return ["ACCOUNTS_FILE": file.path, "ACCOUNTS_DEFAULT": "a0"]
  }
}
