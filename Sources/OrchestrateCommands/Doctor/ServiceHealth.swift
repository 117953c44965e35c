import BatchDomain

/// Puts what the service answered to a probe into words.
enum ServiceHealth {
  /// - Parameters:
  ///   - failure: why no row came; `nil` when all is well.
  ///   - baseURL: the address that was asked.
  ///   - profile: the version of the service that was expected there.
  static func check(_ failure: ListingFailure?, baseURL: String, profile: ServiceProfile) -> HealthCheck {
    switch failure {
    case nil: HealthCheck(.service, .ok, "\(baseURL) answers as \(profile.rawValue) and takes the key")
    case .transport(let failure):
      HealthCheck(
        .service, .problem, "\(baseURL) does not answer: \(failure.message) (\(failure.code))",
        remedy: remedy(for: failure.code))
    case .refused(let answer): check(answer, baseURL, profile)
    }
  }

  private static func remedy(for code: String) -> Remedy {
    switch code {
    case "certificate_expired", "certificate_not_yet_valid":
      "check the clock of this machine, and have the certificate renewed if the clock is right"
    case "certificate": "name a file with the authority to trust in $SSL_CERT_FILE, and check the clock"
    case "certificate_host": "check --base-url, and whether a proxy or firewall answers instead"
    case "proxy_unauthorized": "put the right user name and password into $HTTPS_PROXY"
    case RetryContract.unresolved: "check the spelling of --base-url or $HTTPS_PROXY, and the network's DNS"
    case RetryContract.openFiles: "raise the limit on open files (ulimit -n)"
    default: "check the network, a proxy or firewall on the way, and --base-url"
    }
  }

  private static func check(
    _ answer: ServiceAnswer, _ baseURL: String, _ profile: ServiceProfile
  ) -> HealthCheck {
    let words = [answer.code, answer.message].compactMap { $0 }.joined(separator: ": ")
    let said = "\(baseURL) answered \(answer.status)" + (words.isEmpty ? "" : " (\(words))")
    switch RetryContract.outcome(of: answer) {
    case .account:
      return HealthCheck(
        .service, .problem, "\(said): the key or the account is refused",
        remedy: "check the key and the account in the service's dashboard")
    case .endpoint where answer.isForeign:
      return HealthCheck(
        .service, .problem, said, remedy: "check the proxy, firewall or gateway on the way, and --base-url")
    case .endpoint:
      return HealthCheck(
        .service, .problem, "\(said): it is not the service of profile \(profile.rawValue)",
        remedy: "check --base-url and --profile")
    case .accepted, .unknown:
      // A 2xx that is no list of tasks, and a web page instead of one, are not the service either.
      let isAnswer = (200..<300).contains(answer.status)
      return HealthCheck(
        .service, .problem,
        isAnswer ? "\(said): that is no list of tasks" : "\(said): it is in trouble itself",
        remedy: isAnswer ? "check --base-url, and whether a proxy answers in its place" : "try again later")
    case .throttled:
      return HealthCheck(.service, .ok, "\(said): it asks to come back later, and a run would wait")
    case .content, .index, .notProcessed:
      return HealthCheck(.service, .ok, "\(said): it answers and did not refuse the key")
    }
  }
}
