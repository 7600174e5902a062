import NIOSSL

/// Certificates for tests, valid until 2126 unless their name says otherwise. They protect nothing.
struct TestCertificate {
  let certificate: String
  let key: String

  /// The TLS settings of a server with this certificate.
  func serverConfiguration(protocols: [String]) throws -> TLSConfiguration {
    var tls = TLSConfiguration.makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map { .certificate($0) },
      privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)))
    tls.applicationProtocols = protocols
    return tls
  }

  /// The authority that issued the others.
  static let authority = """
    -----BEGIN CERTIFICATE-----
    MIIBtTCCAVugAwIBAgIUJ2AWpfk5YbkOrk6w926+nOslaXUwCgYIKoZIzj0EAwIw
    JzElMCMGA1UEAwwcY2FuY2VsLXdvcmtlciB0ZXN0IGF1dGhvcml0eTAgFw0yNjEx
    MjMwNDM0MDBaGA8yMTI2MTAzMDA0MzQwMFowJzElMCMGA1UEAwwcY2FuY2VsLXdv
    cmtlciB0ZXN0IGF1dGhvcml0eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGhR
    PiRI5txXWC/kouqShkEI4gEt8pit23NfBMLsqvwkwKixmyQd3PEWO1Uj5huh8cJA
    lPt+kzxMfXcR+s0oOv+jYzBhMB0GA1UdDgQWBBQA9fXuuaXGwESdxMzK2ZkyVQWX
    9zAfBgNVHSMEGDAWgBQA9fXuuaXGwESdxMzK2ZkyVQWX9zAPBgNVHRMBAf8EBTAD
    AQH/MA4GA1UdDwEB/wQEAwICBDAKBggqhkjOPQQDAgNIADBFAiEA88cqou9DYlqX
    VHmsaTh1lzDy8z+KtCb0TB6A04E6I6kCIDMgNYn7b8psS3f5HLwCtHWZCmp93bq7
    D/4JsIX+Srsc
    -----END CERTIFICATE-----
    """

  /// Issued by the authority for localhost, 127.0.0.1 and ::1.
  static let server = TestCertificate(
    certificate: """
      -----BEGIN CERTIFICATE-----
      MIIB0TCCAXegAwIBAgIUJ6oOLMij8SUDbv02gJdwejcQR0IwCgYIKoZIzj0EAwIw
      JzElMCMGA1UEAwwcY2FuY2VsLXdvcmtlciB0ZXN0IGF1dGhvcml0eTAgFw0yNjEx
      MjMwNDM0MDBaGA8yMTI2MTAzMDA0MzQwMFowFDESMBAGA1UEAwwJbG9jYWxob3N0
      MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEPL0E7AphHACBzkcrfwlt30a4XJDe
      mjYj91lPShh1tbUQiUmPI0Z2MyNVihT2J3wJRa18jTc1NPsoQ0u3y6DO/KOBkTCB
      jjAsBgNVHREEJTAjgglsb2NhbGhvc3SHBH8AAAGHEAAAAAAAAAAAAAAAAAAAAAEw
      EwYDVR0lBAwwCgYIKwYBBQUHAwEwCQYDVR0TBAIwADAdBgNVHQ4EFgQUhEcG03wk
      d27iFuG53AezCkKWRtEwHwYDVR0jBBgwFoAUAPX17rmlxsBEncTMytmZMlUFl/cw
      CgYIKoZIzj0EAwIDSAAwRQIhAOzEa60xpKxNgYLDQPeHWf9XdhjPV1kuhtKfKc1E
      hxfTAiBm+e0OfwDdlPtpYNDIxYx+zY5d8Og1OPwIg4+DprWgMA==
      -----END CERTIFICATE-----
      """,
    key: """
      -----BEGIN EC PRIVATE KEY-----
      MHcCAQEEIF8kBg/+WrBtBtOiqnU4OtqtPaBf+W1XRHBa5CGmxG4voAoGCCqGSM49
      AwEHoUQDQgAEPL0E7AphHACBzkcrfwlt30a4XJDemjYj91lPShh1tbUQiUmPI0Z2
      MyNVihT2J3wJRa18jTc1NPsoQ0u3y6DO/A==
      -----END EC PRIVATE KEY-----
      """)

  /// Issued by the authority for another host.
  static let elsewhere = TestCertificate(
    certificate: """
      -----BEGIN CERTIFICATE-----
      MIIBxzCCAW6gAwIBAgIUJ6oOLMij8SUDbv02gJdwejcQR0MwCgYIKoZIzj0EAwIw
      JzElMCMGA1UEAwwcY2FuY2VsLXdvcmtlciB0ZXN0IGF1dGhvcml0eTAgFw0yNjEx
      MjMwNDM0MDBaGA8yMTI2MTAzMDA0MzQwMFowHDEaMBgGA1UEAwwRZWxzZXdoZXJl
      LmludmFsaWQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQKMwnYcGHf1J0MHqXq
      p3dEpJ8w8yCncEgctcGWjf1BzHL9itQS7yqoMzKKNvZnobc4IRQSm1yhoGZVcyYX
      bFmdo4GAMH4wHAYDVR0RBBUwE4IRZWxzZXdoZXJlLmludmFsaWQwEwYDVR0lBAww
      CgYIKwYBBQUHAwEwCQYDVR0TBAIwADAdBgNVHQ4EFgQUgCERg6NHcXale7F+UaAD
      3+hYnzkwHwYDVR0jBBgwFoAUAPX17rmlxsBEncTMytmZMlUFl/cwCgYIKoZIzj0E
      AwIDRwAwRAIgVqWDRek4nh54I2jZjmrxVTfcyAz56aksHevtZaFL3GICIAPcg5cH
      rf+Kqad8MAKVj0U3vHUIM3e2BRZF/e2d3kjD
      -----END CERTIFICATE-----
      """,
    key: """
      -----BEGIN EC PRIVATE KEY-----
      MHcCAQEEINUYC5mwSvpUhbfmooPIjuEBBIXc8JJhjOYfhDMidvTcoAoGCCqGSM49
      AwEHoUQDQgAECjMJ2HBh39SdDB6l6qd3RKSfMPMgp3BIHLXBlo39Qcxy/YrUEu8q
      qDMyijb2Z6G3OCEUEptcoaBmVXMmF2xZnQ==
      -----END EC PRIVATE KEY-----
      """)

  /// Issued by the authority for localhost, and expired in 2020.
  static let expired = TestCertificate(
    certificate: """
      -----BEGIN CERTIFICATE-----
      MIIBkzCCATmgAwIBAgIBATAKBggqhkjOPQQDAjAnMSUwIwYDVQQDDBxjYW5jZWwt
      d29ya2VyIHRlc3QgYXV0aG9yaXR5MB4XDTIwMDEwMTAwMDAwMFoXDTIwMDIwMTAw
      MDAwMFowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0D
      AQcDQgAEO2hZeSWw9TvgEhuLTfmsNXn2VA2ykCajvC9m6zXy0T8Y8449HogXAX+H
      uNO/P7Sd7Lc97Oj0GERIDJlBlJOibaNpMGcwGgYDVR0RBBMwEYIJbG9jYWxob3N0
      hwR/AAABMAkGA1UdEwQCMAAwHQYDVR0OBBYEFNDD1Cpk0eCPlhlEghsQhAdYJq4s
      MB8GA1UdIwQYMBaAFAD19e65pcbARJ3EzMrZmTJVBZf3MAoGCCqGSM49BAMCA0gA
      MEUCIBsCaOn1pt4rBFwI3/IL7sMpsLPc2MecKURflcCvN93qAiEAoiE3vO50beAQ
      H8DJcVuTvSrmAqvmBPim0ZkZQKRk0cs=
      -----END CERTIFICATE-----
      """,
    key: """
      -----BEGIN EC PRIVATE KEY-----
      MHcCAQEEIGr5vSmZiR/uQkJvUHkPWFP2Q6VvUciFIK8f9B5vhuvToAoGCCqGSM49
      AwEHoUQDQgAEO2hZeSWw9TvgEhuLTfmsNXn2VA2ykCajvC9m6zXy0T8Y8449HogX
      AX+HuNO/P7Sd7Lc97Oj0GERIDJlBlJOibQ==
      -----END EC PRIVATE KEY-----
      """)

  /// Signed by itself, for localhost.
  static let selfSigned = TestCertificate(
    certificate: """
      -----BEGIN CERTIFICATE-----
      MIIBnDCCAUGgAwIBAgIUNZP6LkHN4YRIV3yQsIzDsEOtSi0wCgYIKoZIzj0EAwIw
      FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzA0MzQwMFoYDzIxMjYxMDMw
      MDQzNDAwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
      PQMBBwNCAARYvK8Is/4+JXz/YIe8IakyMQrUAQhvpcfRos4UolvgKiRgKwJlCH8Q
      KfOZpM+Y2qdyDQn039drzSNCmc/qOAGdo28wbTAdBgNVHQ4EFgQU2L20uIFn3LlK
      MSAWbNiIl9zzTgIwHwYDVR0jBBgwFoAU2L20uIFn3LlKMSAWbNiIl9zzTgIwDwYD
      VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
      zj0EAwIDSQAwRgIhAItvNRpMr0pIQz3qkugLdwFzEPvOPfnXddIKHG0/atEQAiEA
      8k/F6P5JGm7Iww+h37n3WO9kM2CsUrWEbyNKUm3J6cE=
      -----END CERTIFICATE-----
      """,
    key: """
      -----BEGIN EC PRIVATE KEY-----
      MHcCAQEEIFubMjINJwBtbKyWSmTm3x8F551HetoSe8CYXIXQIKY0oAoGCCqGSM49
      AwEHoUQDQgAEWLyvCLP+PiV8/2CHvCGpMjEK1AEIb6XH0aLOFKJb4CokYCsCZQh/
      ECnzmaTPmNqncg0J9N/Xa80jQpnP6jgBnQ==
      -----END EC PRIVATE KEY-----
      """)

  /// Self-signed, with the common name localhost and no subject alternative name.
  static let commonNameOnly = TestCertificate(
    certificate: """
      -----BEGIN CERTIFICATE-----
      MIIBfzCCASWgAwIBAgIUKOuqqiX2JWtpn6KyU5UjOkX2sSIwCgYIKoZIzj0EAwIw
      FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTIyNDYzMVoYDzIxMjYxMTAx
      MjI0NjMxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
      PQMBBwNCAAR9jCp0fYnJq4YIiRW0L81ZRPLu1kdDOgE+5EBc0iVHueH1jnylpMm2
      3ziinZTeN1GU+UQVD1Odj3OsHT/lblLNo1MwUTAdBgNVHQ4EFgQUfG/geWrY1/0Y
      e9g+QR8/nHUlNKgwHwYDVR0jBBgwFoAUfG/geWrY1/0Ye9g+QR8/nHUlNKgwDwYD
      VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAMIQuVvQr2DiiR2WmLMmOw
      2Jji9/Gig0lMhONNqlysTQIhAKEBEQqBxrZA1hU/7+Y37/sXWH9qeMDgBGmfD+o5
      KQvY
      -----END CERTIFICATE-----
      """,
    key: """
      -----BEGIN PRIVATE KEY-----
      MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFt5t82zlMnxkwv15
      u5buZ9em0njp6cPH5rru7Z5ivXqhRANCAAR9jCp0fYnJq4YIiRW0L81ZRPLu1kdD
      OgE+5EBc0iVHueH1jnylpMm23ziinZTeN1GU+UQVD1Odj3OsHT/lblLN
      -----END PRIVATE KEY-----
      """)

  /// A client's, self-signed.
  static let client = TestCertificate(
    certificate: """
      -----BEGIN CERTIFICATE-----
      MIIBnTCCAUKgAwIBAgIUS5Yy0xtzGIhpRb/vgWg2y77raNMwCgYIKoZIzj0EAwIw
      GDEWMBQGA1UEAwwNY2FuY2VsLXdvcmtlcjAgFw0yNjExMjUyMjQ2MzFaGA8yMTI2
      MTEwMTIyNDYzMVowGDEWMBQGA1UEAwwNY2FuY2VsLXdvcmtlcjBZMBMGByqGSM49
      AgEGCCqGSM49AwEHA0IABNBWodY/iNMfD2W7Ae55MrhRO+RmUBxbzhoJaSQHkqOw
      Po7+ojXKVxr0OQAF7gePnNx984YGU87V/y8egX9dM5ajaDBmMB0GA1UdDgQWBBQg
      pS8vrCgNY3/Oo3mlzHzg1rKMrDAfBgNVHSMEGDAWgBQgpS8vrCgNY3/Oo3mlzHzg
      1rKMrDAPBgNVHRMBAf8EBTADAQH/MBMGA1UdJQQMMAoGCCsGAQUFBwMCMAoGCCqG
      SM49BAMCA0kAMEYCIQD0NonTweZyeeL1SiXTL6PcccF5764OPa1mt/gyNuzQewIh
      APquqJqI0PEORFSwwh3thayn7HyLUdwtQemh4Kmt8YJv
      -----END CERTIFICATE-----
      """,
    key: """
      -----BEGIN PRIVATE KEY-----
      MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpJVNdBB2Lfni4rju
      POsLYAftQmqJNijzhmcIlXydHsahRANCAATQVqHWP4jTHw9luwHueTK4UTvkZlAc
      W84aCWkkB5KjsD6O/qI1ylca9DkABe4Hj5zcffOGBlPO1f8vHoF/XTOW
      -----END PRIVATE KEY-----
      """)
}
