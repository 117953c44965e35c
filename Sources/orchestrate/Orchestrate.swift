import OrchestrateCommands

/// The entry point; everything else is in the command library.
@main
enum Orchestrate {
  static func main() { OrchestrateCommand.start() }
}
