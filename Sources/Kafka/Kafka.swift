import CRdkafka
import Logging
