/** How to reach one API server and as whom. PEM material is text, not paths. */
export interface Connection {
  /** `https://host:port`, possibly with a path that every request path is appended to. */
  server: string
  /** Namespace of the context, or of the pod's service account. */
  namespace?: string
  /** CA bundle that replaces the system's. */
  ca?: string
  /** Name to verify the server's certificate against, and to send as SNI, in place of the host's. */
  serverName?: string
  insecureSkipTLSVerify?: boolean
  /** Bearer token; asked for before every request, so a rotated token is picked up. */
  token?: () => string | undefined
  /** Client certificate chain. */
  cert?: string
  key?: string
}
