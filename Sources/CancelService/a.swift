import Configuration
import Yams
import Histogram
import Hummingbird
import Metrics
import Tracing
import ServiceLifecycle
