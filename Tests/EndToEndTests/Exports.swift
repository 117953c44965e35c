// Scenes and processes are shared with the browser's tests.
@_exported import ProgramSupport
