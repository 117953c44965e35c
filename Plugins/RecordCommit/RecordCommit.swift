import Foundation
import PackagePlugin

/// Writes the commit of the sources to a Swift file before each build.
///
/// Not `Context.gitInformation` in Package.swift: the package manager keeps what a manifest said for as long as its text stays,
/// so that the commit would be that of the first build.
@main
struct RecordCommit: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let package = context.package.directoryURL
    let folder = context.pluginWorkDirectoryURL.appending(path: "commit")
    return [
      .prebuildCommand(
        displayName: "Recording the commit", executable: URL(fileURLWithPath: "/bin/sh"),
        arguments: [
          package.appending(path: "Plugins/RecordCommit/record-commit").path, package.path, folder.path,
        ], outputFilesDirectory: folder)
    ]
  }
}
