/// Certificates made for these tests alone, valid from 2020 to 2120: P-256 keys, SHA-256, basic constraints, and
/// for the servers a name in the subject's alternative names and the extended usage `serverAuth`. The authorities'
/// keys were thrown away.
package enum TestCertificates {
  /// An authority.
  package static let authority = """
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
  package static let stranger = """
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
  package struct Identity: Sendable {
    /// Its certificate as PEM.
    package let certificate: String
    /// Its key as PEM.
    package let key: String
  }

  /// Signed by ``authority`` for `localhost`, 127.0.0.1 and `service.example`.
  package static let service = Identity(
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
  package static let elsewhere = Identity(
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

  /// The authority of ``expired`` and ``future``.
  package static let datedAuthority = """
    -----BEGIN CERTIFICATE-----
    MIIBejCCASCgAwIBAgIUey4ayH5xtO07ul1AbaTXs04O0WcwCgYIKoZIzj0EAwIw
    GjEYMBYGA1UEAwwPRGF0ZWQgYXV0aG9yaXR5MCAXDTIwMDEwMTAwMDAwMFoYDzIx
    MjAwMTAxMDAwMDAwWjAaMRgwFgYDVQQDDA9EYXRlZCBhdXRob3JpdHkwWTATBgcq
    hkjOPQIBBggqhkjOPQMBBwNCAARUJXPex1ZUEWw74iaMTqhozdqB4zMzTg8lVc7X
    uge0iMRNMydPjll7KS618WTJSKPX0pXn+wO3Yz0RR4vPTXOMo0IwQDAPBgNVHRMB
    Af8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUASkUxjBVGAaz+lqi
    zoSy3tAt3iAwCgYIKoZIzj0EAwIDSAAwRQIgN+sS+HZv2kVRNrJHAVCiHtVzu3EH
    QY4Sbu89vu5PMuoCIQCU8iYjgNRAD5kKpcRf9il8pW8D/H8n65bnbXMgv9onAw==
    -----END CERTIFICATE-----
    """

  /// Signed by ``datedAuthority`` for `localhost`, valid in 2020 alone.
  package static let expired = Identity(
    certificate: """
      -----BEGIN CERTIFICATE-----
      MIIBpzCCAUygAwIBAgIUARM3We6oMXSO8pw+SzDKol4/QW0wCgYIKoZIzj0EAwIw
      GjEYMBYGA1UEAwwPRGF0ZWQgYXV0aG9yaXR5MB4XDTIwMDEwMTAwMDAwMFoXDTIx
      MDEwMTAwMDAwMFowEjEQMA4GA1UEAwwHc2VydmljZTBZMBMGByqGSM49AgEGCCqG
      SM49AwEHA0IABJrs4CSIYfebIS9BNg/KIvmFrI9GDj5W010y2SXMEIGKh/WYctSp
      YKvwnMJ3fUsU9mGC+n2FlZ2rd6NsYWfa4AijeDB2MBQGA1UdEQQNMAuCCWxvY2Fs
      aG9zdDAJBgNVHRMEAjAAMBMGA1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBTR
      0/I4QVQiKoXCEiIE43PotlDs9zAfBgNVHSMEGDAWgBQBKRTGMFUYBrP6WqLOhLLe
      0C3eIDAKBggqhkjOPQQDAgNJADBGAiEA/wWBmGOFzVMvSRqpDKRSEO6jz7sU08+N
      b+sd06aFS98CIQDbQhk0NTALbZSWlYMD9YbsOj+Q8bDlWbzGicskwUVLYA==
      -----END CERTIFICATE-----
      """,
    key: """
      -----BEGIN PRIVATE KEY-----
      MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+VCQlzwCkfLV+uqZ
      TOfqhTO/KOwB3DVCHssXLWsYN7+hRANCAASa7OAkiGH3myEvQTYPyiL5hayPRg4+
      VtNdMtklzBCBiof1mHLUqWCr8JzCd31LFPZhgvp9hZWdq3ejbGFn2uAI
      -----END PRIVATE KEY-----
      """)

  /// Signed by ``datedAuthority`` for `localhost`, valid from 2110 on.
  package static let future = Identity(
    certificate: """
      -----BEGIN CERTIFICATE-----
      MIIBqjCCAVCgAwIBAgIUO2fPoV9JHCz+nHDF5daMIqqAJA4wCgYIKoZIzj0EAwIw
      GjEYMBYGA1UEAwwPRGF0ZWQgYXV0aG9yaXR5MCIYDzIxMTAwMTAxMDAwMDAwWhgP
      MjEyMDAxMDEwMDAwMDBaMBIxEDAOBgNVBAMMB3NlcnZpY2UwWTATBgcqhkjOPQIB
      BggqhkjOPQMBBwNCAASkC7o2G02EwNF1hsQhO++CKimnv1+ZFh1HLB4hqwn0Ad2S
      mIl0odj4ikhCB16GZ72Yg2IqmfozkecJYzXNINtTo3gwdjAUBgNVHREEDTALggls
      b2NhbGhvc3QwCQYDVR0TBAIwADATBgNVHSUEDDAKBggrBgEFBQcDATAdBgNVHQ4E
      FgQUVIqNjPShMeJVGpKbmy+nd/CJ/TQwHwYDVR0jBBgwFoAUASkUxjBVGAaz+lqi
      zoSy3tAt3iAwCgYIKoZIzj0EAwIDSAAwRQIgOVaBFeGzqPLmPvqtuGxwwCIMd+E6
      zTX3abNj5EQV52oCIQDn3EbyjLwt5jZ65IAPS/BVnQeBqb5RKxOWW19zF1aw+w==
      -----END CERTIFICATE-----
      """,
    key: """
      -----BEGIN PRIVATE KEY-----
      MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMMF302KYUDTM+XVZ
      k18zmSHEZlzDrU/NP2/j4AsFjBChRANCAASkC7o2G02EwNF1hsQhO++CKimnv1+Z
      Fh1HLB4hqwn0Ad2SmIl0odj4ikhCB16GZ72Yg2IqmfozkecJYzXNINtT
      -----END PRIVATE KEY-----
      """)
}
