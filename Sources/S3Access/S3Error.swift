package import BatchDomain

/// What can go wrong between this program and the objects of S3. No text in it has a secret.
package struct S3Error: AdvisedError, Equatable {
  /// What kind of trouble it is.
  package enum Code: String, Sendable, CaseIterable {
    /// No source has credentials.
    case credentialsMissing = "aws_credentials_missing"
    /// A source has credentials that cannot be used, or could not be asked.
    case credentialsInvalid = "aws_credentials_invalid"
    /// The credentials end too soon, and were not renewed.
    case credentialsEnding = "aws_credentials_ending"
    /// S3 does not know the key, or refuses the signature or the session.
    case credentialsRefused = "aws_credentials_refused"
    /// This machine's clock and that of S3 are more than 15 minutes apart.
    case clockSkewed = "clock_skewed"
    /// S3 knows the credentials and refuses what is asked for.
    case accessDenied = "s3_access_denied"
    /// There is no such bucket.
    case bucketMissing = "s3_no_such_bucket"
    /// There is no such object.
    case objectMissing = "s3_no_such_object"
    /// The object is archived, and has to be restored first.
    case objectArchived = "s3_object_archived"
    /// Not the address of an object.
    case addressInvalid = "s3_address_invalid"
    /// The proxy refuses the user name and the password, or requires them.
    case proxyUnauthorized = "s3_proxy_unauthorized"
    /// The certificate of S3 is another host's, has expired, or is signed by nobody who is trusted.
    case certificate = "s3_certificate"
    /// What answers is not S3: another server, or something on the way.
    case foreignAnswer = "s3_foreign_answer"
    /// S3 asks to slow down, or fails, again and again.
    case busy = "s3_busy"
    /// No answer came, again and again.
    case unreachable = "s3_unreachable"
    /// An answer that makes no sense.
    case unexpected = "s3_unexpected_answer"
  }

  /// Who has to act: what an exit status or the reason of a pause is made from.
  package enum Kind: Sendable {
    /// There are no credentials, or none that can be used: nothing can be begun.
    case missingCredentials
    /// The credentials are at fault.
    case credentials
    /// A bucket or an object is at fault.
    case source
    /// The clock of this machine is at fault.
    case clock
    /// The way to S3 is at fault, and stays so until a person puts it right.
    case way
    /// The way to S3, or S3 itself: it may pass.
    case network
  }

  /// What kind of trouble it is.
  package var code: Code
  /// One clear sentence.
  package var message: String
  /// What the user can do.
  package var remedy: Remedy?

  /// What to do where a server does not answer as S3 does.
  static let atEndpoint: Remedy =
    "check --s3-endpoint and any proxy between, or copy the object to this machine"

  /// An error with its advice.
  package init(_ code: Code, _ message: String, remedy: Remedy? = nil) {
    self.code = code
    self.message = message
    self.remedy = remedy
  }

  /// Who has to act.
  package var kind: Kind {
    switch code {
    case .credentialsMissing, .credentialsInvalid: .missingCredentials
    case .credentialsEnding, .credentialsRefused: .credentials
    case .clockSkewed: .clock
    case .accessDenied, .bucketMissing, .objectMissing, .objectArchived, .addressInvalid: .source
    case .proxyUnauthorized, .certificate, .foreignAnswer: .way
    case .busy, .unreachable, .unexpected: .network
    }
  }
}
