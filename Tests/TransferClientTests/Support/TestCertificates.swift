/// Certificates made for these tests alone, valid from 2020 to 2120: P-256 keys, SHA-256, basic constraints, and
/// for the servers a name in the subject's alternative names and the extended usage `serverAuth`. The authorities'
/// keys were thrown away.
enum TestCertificates {
  /// An authority.
  static let authority = """
    -----BEGIN CERTIFICATE-----
    MIIBWTCB/6ADAgECAhRP3SYwpY7gAhBGnPlh6ut9HWPLhjAKBggqhkjOPQQDAjAZ
    MRcwFQYDVQQDDA5UZXN0IGF1dGhvcml0eTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIw
    MDEwMTAwMDAwMFowGTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwWTATBgcqhkjO
    PQIBBggqhkjOPQMBBwNCAAS4PzJ33uYJ9+WJn7D23JaLmpapdjlX5gmrJzgbqcOj
    6sR6A8/GOl6Q83ca0ews+ng+hAdBTeVKLhgIYsUyPhe8oyMwITAPBgNVHRMBAf8E
    BTADAQH/MA4GA1UdDwEB/wQEAwIBBjAKBggqhkjOPQQDAgNJADBGAiEA2wxe4jkl
    t73TojX0f0mcKXxXRaXVMo38spRtZP9xX2QCIQDpueBa6C9iieG7SvgXy60rNSoy
    7wYlHQxu0P95942I8A==
    -----END CERTIFICATE-----
    """

  /// Another authority, which signed nothing here.
  static let stranger = """
    -----BEGIN CERTIFICATE-----
    MIIBYDCCAQWgAwIBAgIUQY6rV1E/7+jyjzA77Ob+nTQNH3swCgYIKoZIzj0EAwIw
    HDEaMBgGA1UEAwwRQW5vdGhlciBhdXRob3JpdHkwIBcNMjAwMTAxMDAwMDAwWhgP
    MjEyMDAxMDEwMDAwMDBaMBwxGjAYBgNVBAMMEUFub3RoZXIgYXV0aG9yaXR5MFkw
    EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEpJYPD72wZBWbwp9y8qPOU5q86FnjDSLL
    Q+VR6C2UrUX828OTqfkf6ezN95tJF93Y0fK1rbPXV+33LXprqPd9AqMjMCEwDwYD
    VR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwCgYIKoZIzj0EAwIDSQAwRgIh
    APVXyFfYAMB+QEABam3TnAGDdb5DksOgr9bODAtjAZoNAiEAjnHDMSzl5O2jSuPr
    hNwi3144dPlxqTWksG+fVnmnfUY=
    -----END CERTIFICATE-----
    """

  /// Who a server says it is.
  struct Identity: Sendable {
    let certificate: String
    let key: String
  }

  /// Signed by ``authority`` for `localhost`, 127.0.0.1 and `service.example`.
  static let service = Identity(
    certificate: """
      -----BEGIN CERTIFICATE-----
      MIIBgTCCASegAwIBAgIUcUPS37Y3REaxCim6LQGriRSaW2owCgYIKoZIzj0EAwIw
      GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwIBcNMjAwMTAxMDAwMDAwWhgPMjEy
      MDAxMDEwMDAwMDBaMBIxEDAOBgNVBAMMB3NlcnZpY2UwWTATBgcqhkjOPQIBBggq
      hkjOPQMBBwNCAAQRG3f96fMl8avXblPqi5gjF9NzkvKdLHDzPahXAjAj19Po9OT3
      XgGnrdvnPy9xHXcmAzI37RpCnPD/Suxl9bBMo1IwUDAMBgNVHRMBAf8EAjAAMBMG
      A1UdJQQMMAoGCCsGAQUFBwMBMCsGA1UdEQQkMCKCCWxvY2FsaG9zdIcEfwAAAYIP
      c2VydmljZS5leGFtcGxlMAoGCCqGSM49BAMCA0gAMEUCIQC9xbHf+3Zq89aHaZTz
      eQruLniWytnJpHV9H1FD8QjzBwIgbmIVz5uG//5IcWsJIDoY1T8ZiHtRtPPoMqzf
      hHFqDw4=
      -----END CERTIFICATE-----
      """,
    key: """
      -----BEGIN PRIVATE KEY-----
      MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkzi9CUdZE7Z1SB0O
      L/h94/2YIB7XLqsCYSkwC+gkvtShRANCAAQRG3f96fMl8avXblPqi5gjF9NzkvKd
      LHDzPahXAjAj19Po9OT3XgGnrdvnPy9xHXcmAzI37RpCnPD/Suxl9bBM
      -----END PRIVATE KEY-----
      """)

  /// Signed by ``authority`` for `elsewhere.example`.
  static let elsewhere = Identity(
    certificate: """
      -----BEGIN CERTIFICATE-----
      MIIBdDCCARqgAwIBAgIUS4gR2h9pWKmzgPdTzfgPppuD9TowCgYIKoZIzj0EAwIw
      GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwIBcNMjAwMTAxMDAwMDAwWhgPMjEy
      MDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMMCWVsc2V3aGVyZTBZMBMGByqGSM49AgEG
      CCqGSM49AwEHA0IABGQOlnRtsgioLol9Xwa9b+IceudUDFq4GXMruwJ8l+cEXAzI
      oZAoy2E0Kjt0xFzkj9+hrBguuS5dK3mL/PRcx4CjQzBBMAwGA1UdEwEB/wQCMAAw
      EwYDVR0lBAwwCgYIKwYBBQUHAwEwHAYDVR0RBBUwE4IRZWxzZXdoZXJlLmV4YW1w
      bGUwCgYIKoZIzj0EAwIDSAAwRQIgf3TJGvq3QbXZl5x8ZQujtNvdF02u22CqX90A
      oj+3EMACIQD6f7KOr2KtUnAoP9K4Zi9b1IWrqykYX8NACyDSyUEJUg==
      -----END CERTIFICATE-----
      """,
    key: """
      -----BEGIN PRIVATE KEY-----
      MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgl6V5/NJWGVVhdVLm
      egoJEPUGwK/HBQbimBsjJC+n1CKhRANCAARkDpZ0bbIIqC6JfV8GvW/iHHrnVAxa
      uBlzK7sCfJfnBFwMyKGQKMthNCo7dMRc5I/foawYLrkuXSt5i/z0XMeA
      -----END PRIVATE KEY-----
      """)
}
