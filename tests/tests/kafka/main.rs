//! Kafka as the broker, on a real server: what the publisher and the consumer promise.
