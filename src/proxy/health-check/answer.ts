import type { HealthCheckPort } from './types.ts'

export interface HealthAnswer {
  status: 200 | 503
  headers: Readonly<Record<string, string>>
  body: string
}

/** What kube-proxy answers: a load balancer sends traffic while it is 200, and may weigh nodes by the header. */
export function healthAnswer(check: HealthCheckPort, serviceProxyHealthy: boolean): HealthAnswer {
  const { service, localEndpoints } = check
  const slash = service.indexOf('/')
  const body = {
    service: { namespace: service.slice(0, slash), name: service.slice(slash + 1) },
    localEndpoints,
    serviceProxyHealthy,
  }
  return {
    status: localEndpoints > 0 && serviceProxyHealthy ? 200 : 503,
    headers: {
      'Content-Type': 'application/json',
      'X-Content-Type-Options': 'nosniff',
      'X-Load-Balancing-Endpoint-Weight': String(localEndpoints),
    },
    body: `${JSON.stringify(body)}\n`,
  }
}
