internal import AsyncHTTPClient

/// Tells somebody elsewhere about a run.
package enum Notifier {}
