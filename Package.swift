// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "cancel-worker",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "cancel-worker", targets: ["cancel-worker"]),
    .library(name: "Kafka", targets: ["Kafka"]),
    .library(name: "CancelAPI", targets: ["CancelAPI"]),
    .library(name: "CancelContract", targets: ["CancelContract"]),
    .library(name: "CancelCore", targets: ["CancelCore"]),
    .library(name: "CancelService", targets: ["CancelService"]),
    .library(name: "EToroSimulator", targets: ["EToroSimulator"]),
    .library(name: "Operations", targets: ["Operations"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-http-structured-headers", from: "1.7.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CRdkafka",
      pkgConfig: "rdkafka",
      providers: [.apt(["librdkafka-dev"]), .brew(["librdkafka"])]
    ),
    .systemLibrary(name: "CProcess"),
    .systemLibrary(
      name: "CZlib",
      pkgConfig: "zlib",
      providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]
    ),
    .target(
      name: "Kafka",
      dependencies: [
        "CRdkafka",
        .product(name: "Logging", package: "swift-log"),
      ]
    ),
    .target(
      name: "CancelContract",
      dependencies: [
        .product(name: "Crypto", package: "swift-crypto")
      ]
    ),
    .target(
      name: "CancelAPI",
      dependencies: [
        "CancelContract", "HTTPTransport",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "RawStructuredFieldValues", package: "swift-http-structured-headers"),
        .product(name: "Yams", package: "Yams"),
      ]
    ),
    .target(
      name: "HTTPTransport",
      dependencies: [
        "CZlib",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOExtras", package: "swift-nio-extras"),
        .product(name: "NIOHPACK", package: "swift-nio-http2"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHTTP2", package: "swift-nio-http2"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "NIOTLS", package: "swift-nio"),
      ]
    ),
    // The second client, for tests and the benchmark only: what is shipped depends on it nowhere.
    .target(
      name: "AsyncHTTPCancelClient",
      dependencies: [
        "CancelAPI", "CancelContract", "HTTPTransport",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ]
    ),
    .target(
      name: "CancelCore",
      dependencies: [
        "CancelContract",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "HeapModule", package: "swift-collections"),
      ]
    ),
    .target(
      name: "CancelService",
      dependencies: [
        "CancelAPI", "CancelContract", "CancelCore", "Kafka",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]
    ),
    .target(
      name: "Operations",
      dependencies: [
        "CProcess", "CancelAPI", "CancelContract", "CancelCore", "CancelService", "HTTPTransport",
        "Kafka",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Instrumentation", package: "swift-distributed-tracing"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "Tracing", package: "swift-distributed-tracing"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "Yams", package: "Yams"),
      ],
      resources: [
        .embedInCode("Admin/LivePage/live.css"), .embedInCode("Admin/LivePage/live.html"),
        .embedInCode("Admin/LivePage/live.js"),
      ]
    ),
    .target(
      name: "EToroSimulator",
      dependencies: [
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]
    ),
    .executableTarget(
      name: "cancel-worker",
      dependencies: [
        "CancelAPI", "CancelContract", "CancelService", "EToroSimulator", "Kafka", "Operations",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]
    ),
    .target(
      name: "WorkerHarness",
      dependencies: [
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
      ]
    ),
    .target(
      name: "Fuzz",
      dependencies: [
        "CancelAPI", "CancelContract", "CancelCore", "HTTPTransport", "Operations",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ]
    ),
    .executableTarget(
      name: "cancel-worker-fuzz",
      dependencies: [
        "Fuzz",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]
    ),
    .executableTarget(
      name: "cancel-worker-bench",
      dependencies: [
        "AsyncHTTPCancelClient", "CancelAPI", "CancelContract", "CancelCore", "CancelService", "HTTPTransport",
        "Kafka", "WorkerHarness",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ]
    ),
    .executableTarget(name: "cancel-contract-bench", dependencies: ["CancelContract"]),
    .target(
      name: "Simulation",
      dependencies: [
        "CancelContract", "CancelCore", "CancelService", "Kafka",
        .product(name: "HeapModule", package: "swift-collections"),
      ],
      path: "Tests/Simulation"
    ),
    .executableTarget(
      name: "cancel-worker-simulation",
      dependencies: ["Simulation", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Tests/SimulationRunner"
    ),
    .testTarget(
      name: "KafkaTests", dependencies: ["CancelCore", "Kafka", .product(name: "Logging", package: "swift-log")]),
    .testTarget(
      name: "CancelContractTests",
      dependencies: [
        "CancelContract", "CancelCore", "CancelService", "Fuzz", "Operations",
        .product(name: "Yams", package: "Yams"),
      ],
      exclude: ["Golden"]),
    .testTarget(
      name: "CancelAPITests",
      dependencies: [
        "AsyncHTTPCancelClient", "CancelAPI", "CancelContract", "CancelCore", "HTTPTransport",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHPACK", package: "swift-nio-http2"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHTTP2", package: "swift-nio-http2"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]
    ),
    .testTarget(name: "CancelCoreTests", dependencies: ["CancelContract", "CancelCore"], exclude: ["Golden"]),
    .testTarget(name: "SimulationTests", dependencies: ["Simulation", "WorkerHarness"]),
    .testTarget(
      name: "CancelServiceTests",
      dependencies: [
        "CancelAPI", "CancelContract", "CancelCore", "CancelService", "EToroSimulator", "Kafka",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]
    ),
    .testTarget(
      name: "HTTPTransportTests",
      dependencies: [
        "CZlib", "HTTPTransport",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ]
    ),
    .testTarget(
      name: "OperationsTests",
      dependencies: [
        "CProcess", "CancelAPI", "CancelContract", "CancelCore", "CancelService", "EToroSimulator", "Kafka",
        "Operations",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "InMemoryLogging", package: "swift-log"),
        .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "Tracing", package: "swift-distributed-tracing"),
      ]
    ),
    .testTarget(name: "EToroSimulatorTests", dependencies: ["EToroSimulator"]),
    .testTarget(
      name: "CommandLineTests",
      dependencies: [
        "CancelContract", "EToroSimulator", "Kafka", "WorkerHarness", "cancel-worker",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]
    ),
    .testTarget(
      name: "IntegrationTests",
      dependencies: [
        "CancelContract", "CancelService", "EToroSimulator", "Kafka", "Simulation", "WorkerHarness", "cancel-worker",
        .product(name: "Logging", package: "swift-log"),
      ]
    ),
  ],
  swiftLanguageModes: [.v6]
)
