internal import Hummingbird
internal import Mustache

/// Serves the views of runs on loopback.
package enum DashboardServer {}
