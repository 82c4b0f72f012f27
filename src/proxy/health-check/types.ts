/** A Service whose load balancer asks each node whether it has endpoints (spec.healthCheckNodePort: type LoadBalancer, externalTrafficPolicy Local). */
export interface HealthCheckPort {
  /** `namespace/name` */
  service: string
  port: number
  /** Ready endpoints on this node, counted by address. */
  localEndpoints: number
}

/** A health check that is not served. Becomes an Event on the Service. */
export interface HealthCheckFailure {
  service: string
  /** kube-proxy's word: `FailedToStartServiceHealthcheck`. */
  reason: string
  message: string
}
