internal import BatchDomain
internal import S3Signing

/// The credentials of a container (ECS, EKS), from an address that its environment names.
struct ContainerSource: CredentialSource {
  private static let tries = 3
  private static let limit = 64 << 10

  let world: AccessWorld

  func find() async throws -> SourceFinding {
    guard let url = try address() else {
      return .absent("the environment names no credentials of a container")
    }
    var headers: [(name: String, value: String)] = [("Accept", "application/json")]
    if let token = try await token() { headers.append(("Authorization", token)) }
    var request = AccessRequest("GET", url, headers: headers, timeout: .seconds(5))
    request.mayUseProxy = false
    var problem = ""
    for attempt in 1...Self.tries {
      do {
        let answer = try await world.transport.send(request, limit: Self.limit)
        if answer.status == 200, let provided = ProvidedCredentials.decode(answer.body),
          let credentials = try provided.credentials(
            token: ("Token", provided.Token), of: "the container's role")
        {
          return .found(HeldCredentials(credentials, origin: "the container's role", areReplaced: true))
        }
        problem = answer.status == 200 ? "gave no credentials" : "answered \(answer.status)"
        if (400..<500).contains(answer.status) { break }
      } catch AccessFault.timedOut {
        problem = "did not answer within 5 s"
      } catch AccessFault.notConnected(let why) {
        problem = "did not answer: \(why)"
      } catch let fault as AccessFault {
        problem = "did not answer: \(fault.words(at: "its host"))"
        break
      }
      if attempt < Self.tries { try await world.clock.sleep(for: .seconds(1)) }
    }
    throw S3Error(
      .credentialsInvalid, "the address of the container's credentials \(problem)",
      remedy: "check the role of the task or the pod")
  }

  /// The address; `nil` when there is none.
  private func address() throws -> String? {
    if let path = world.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
      guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw Self.refuse("$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "is not a path")
      }
      return "http://169.254.170.2" + path
    }
    guard let url = world.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") else { return nil }
    let name = "$AWS_CONTAINER_CREDENTIALS_FULL_URI"
    // The addresses of ECS and EKS are no machine between whom somebody could listen.
    let own = ["http://169.254.170.2", "http://169.254.170.23", "http://[fd00:ec2::23]"]
    if own.contains(where: { url.hasPrefix($0 + "/") || url.hasPrefix($0 + ":") || url == $0 }),
      url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !url.contains("@")
    {
      return url
    }
    do {
      _ = try WebAddress(url)
    } catch {
      throw Self.refuse(name, error.reason)
    }
    return url
  }

  /// What the address wants to see, read again each time: it changes.
  private func token() async throws -> String? {
    if let path = world.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
      guard let bytes = try await world.read(path) else {
        throw Self.refuse("the file of $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "does not exist")
      }
      return try Self.checked(
        String(decoding: bytes, as: UTF8.self), "the file of $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    }
    return try world.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").map {
      try Self.checked($0, "$AWS_CONTAINER_AUTHORIZATION_TOKEN")
    }
  }

  private static func checked(_ text: String, _ name: String) throws -> String {
    let lines = text.split(whereSeparator: \.isNewline)
    guard lines.count == 1, let token = lines.first, token.utf8.allSatisfy({ (0x20..<0x7F).contains($0) })
    else {
      throw refuse(name, "is not one line that can stand in a header")
    }
    return String(token)
  }

  private static func refuse(_ name: String, _ what: String) -> S3Error {
    S3Error(.credentialsInvalid, "\(name) \(what)", remedy: "check the definition of the task or the pod")
  }
}

/// The role of an EC2 instance, from its metadata service, version 2.
struct InstanceSource: CredentialSource {
  /// It is on the same machine: where nothing answers at once, there is none.
  private static let timeout: Duration = .seconds(1)
  private static let limit = 64 << 10
  private static let folder = "/latest/meta-data/iam/security-credentials/"

  let world: AccessWorld

  func find() async throws -> SourceFinding {
    if world.variable("AWS_EC2_METADATA_DISABLED")?.lowercased() == "true" {
      return .absent("the instance's metadata service is turned off by $AWS_EC2_METADATA_DISABLED")
    }
    var base = world.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? "http://169.254.169.254"
    while base.hasSuffix("/") { base.removeLast() }
    func ask(_ method: String, _ path: String, _ headers: [(name: String, value: String)]) async throws
      -> AccessAnswer?
    {
      var request = AccessRequest(method, base + path, headers: headers, timeout: Self.timeout)
      request.mayUseProxy = false
      do {
        return try await world.transport.send(request, limit: Self.limit)
      } catch is AccessFault {
        return nil
      }
    }
    let life = [("X-aws-ec2-metadata-token-ttl-seconds", "21600")]
    guard let first = try await ask("PUT", "/latest/api/token", life) else {
      return .absent("no metadata service of an instance answers")
    }
    guard first.status == 200, let token = Self.line(first.body) else {
      return .absent("the instance's metadata service gives no token (status \(first.status))")
    }
    let header = [("X-aws-ec2-metadata-token", token)]
    guard let names = try await ask("GET", Self.folder, header), names.status != 404 else {
      return .absent("the instance has no role")
    }
    guard names.status == 200, let role = Self.line(names.body),
      let answer = try await ask("GET", Self.folder + PercentEncoding.path(role.utf8), header),
      answer.status == 200, let provided = ProvidedCredentials.decode(answer.body)
    else {
      throw S3Error(
        .credentialsInvalid, "the instance's metadata service names no role, or gives no credentials for it",
        remedy: "check the instance's profile")
    }
    let origin = "the instance's role \(VisibleText.escape(role, cutAt: 80))"
    guard let credentials = try provided.credentials(token: ("Token", provided.Token), of: origin) else {
      throw S3Error(
        .credentialsInvalid,
        "the instance's metadata service has no credentials: "
          + VisibleText.escape(provided.Code ?? "it does not say why", cutAt: 80),
        remedy: "check the instance's profile and its role")
    }
    return .found(HeldCredentials(credentials, origin: origin, areReplaced: true))
  }

  /// The first line, if it is visible ASCII.
  private static func line(_ body: [UInt8]) -> String? {
    let line = body.prefix { $0 != 0x0A && $0 != 0x0D }
    return line.isEmpty || !line.allSatisfy { (0x21..<0x7F).contains($0) }
      ? nil : String(decoding: line, as: UTF8.self)
  }
}
