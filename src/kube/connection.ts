/** What TLS is spoken with. PEM text, not paths. */
export interface TlsMaterial {
  /** CA bundle that replaces the system's. */
  ca?: string
  /** Client certificate chain. */
  cert?: string
  key?: string
}

/** As whom one request is made. */
export interface Credentials {
  /** Bearer token. */
  token?: string
  /** Client certificate chain, PEM. */
  cert?: string
  key?: string
}

/** Credentials that somebody has to be asked for, such as a credential plugin. */
export interface CredentialSource {
  /** Those to use now; asks for new ones if there are none or they have expired. Throws WeftError. */
  current(signal?: AbortSignal): Promise<Credentials>
  /** The server refused these (401): they are not given out again. */
  refused(credentials: Credentials): void
}

/** How to reach one API server and as whom. */
export interface Connection extends TlsMaterial {
  /** `https://host:port`, possibly with a path that every request path is appended to. */
  server: string
  /** Namespace of the context, or of the pod's service account. */
  namespace?: string
  /** Name to verify the server's certificate against, and to send as SNI, in place of the host's. */
  serverName?: string
  insecureSkipTLSVerify?: boolean
  /** Bearer token; asked for before every request, so a rotated token is picked up. */
  token?: () => string | undefined
  /** Where `ca`, `cert` or `key` come from files: what these hold now. Asked before every request, reads at most every ten seconds. */
  reread?: () => TlsMaterial
  /** Goes before `token`, `cert` and `key`. */
  credentials?: CredentialSource
}
