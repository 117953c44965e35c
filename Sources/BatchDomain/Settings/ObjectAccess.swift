/// Who pays for requests to a bucket that its owner does not pay for.
package enum RequestPayer: String, Sendable, CaseIterable {
  /// Whoever asks.
  case requester
}

/// How objects of S3 are reached: whose credentials, which region and endpoint, and how long a signed URL lives. Nothing
/// here is secret.
package struct ObjectAccess: Sendable, Equatable {
  /// A profile of AWS's shared files; `nil` looks for credentials in the environment first.
  package var profile: String?
  /// The region that is tried first; the bucket decides.
  package var region: String?
  /// Address of a service that speaks S3; `nil` is Amazon's own.
  package var endpoint: String?
  /// How long a URL may live that the service is given.
  package var urlLifetime: Duration = .seconds(12 * 3_600)
  /// Who pays for requests; `nil` leaves them to the owner of the bucket.
  package var requestPayer: RequestPayer?

  /// Amazon's own service, and whatever credentials the environment has.
  package init() {}

  /// The longest life of a URL that S3 takes.
  package static let longestLifetime: Duration = .seconds(7 * 86_400)

  /// The rows of the table of settings.
  static let table: [Setting<ObjectAccess>] = [
    Setting(
      "aws-profile", \.profile, SettingKind.label.optional, .objects, resuming: .changes,
      help:
        "Profile of AWS's shared files that has the credentials; else the environment, then the profile default."
    ),
    Setting(
      "s3-region", \.region, SettingKind.region.optional, .objects, resuming: .changes,
      help: "Region to ask first; the region of each bucket is found out."),
    Setting(
      "s3-endpoint", \.endpoint, SettingKind.endpoint.optional, .objects, resuming: .changes,
      help: "Address of another service that speaks S3: https, or http to this machine."),
    Setting(
      "url-lifetime", \.urlLifetime, .duration(from: .seconds(1), to: ObjectAccess.longestLifetime), .objects,
      resuming: .changes, whenNotStored: ObjectAccess().urlLifetime,
      help: "How long a signed URL may live, 1s to 7d, and no longer than the credentials."),
    Setting(
      "request-payer", \.requestPayer, SettingKind.choice.optional, .objects, resuming: .changes,
      help: "Confirm that you pay for requests to a bucket whose owner does not."),
  ]
}

extension SettingKind where Value == String {
  /// The name of a region.
  fileprivate static var region: SettingKind {
    SettingKind(
      shape: .text, valueName: "region",
      parse: { (text, thing) throws(ConfigurationError) in
        guard RegionName.isOne(text) else {
          throw .badValue(thing, text, expected: "the name of a region such as eu-central-1")
        }
        return text
      }
    ) { $0 }
  }

  /// The address of a service that speaks S3.
  fileprivate static var endpoint: SettingKind {
    SettingKind(
      shape: .text, valueName: "url",
      parse: { (text, thing) throws(ConfigurationError) in
        _ = try EndpointText.parse(text, for: thing)
        return text
      }
    ) { $0 }
  }
}

/// Names of regions.
package enum RegionName {
  /// Whether a text can be one: small letters, digits and inner hyphens, at most 40. It becomes a part of a host, so that
  /// nothing else may be in it.
  package static func isOne(_ text: String) -> Bool {
    let bytes = text.utf8
    let hyphen = UInt8(ascii: "-")
    return (1...40).contains(bytes.count) && bytes.first != hyphen && bytes.last != hyphen
      && bytes.allSatisfy { byte in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == hyphen
      }
  }
}

/// Addresses of services that speak S3, as options, variables and job files have them.
package enum EndpointText {
  /// Reads an address: https, or http to this machine; no user, no query, no fragment.
  ///
  /// - Parameter thing: what the value is of, for messages, for example `--s3-endpoint`.
  /// - Throws: ``ConfigurationError`` with code `bad_value`; the message never repeats the address, which may have a
  ///   password in it.
  package static func parse(_ text: String, for thing: String) throws(ConfigurationError) -> WebAddress {
    let remedy: Remedy = "give an address such as https://s3.example.org, or http://127.0.0.1:PORT"
    let address: WebAddress
    do {
      address = try WebAddress(text)
    } catch {
      throw ConfigurationError(.badValue, "\(thing) \(error.reason)", remedy: remedy)
    }
    guard !address.rest.contains("?") else {
      throw ConfigurationError(.badValue, "\(thing) has a query", remedy: remedy)
    }
    return address
  }
}
