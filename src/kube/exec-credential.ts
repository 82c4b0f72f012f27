import type { Credentials } from './connection.ts'
import type { ExecConfig } from './exec-config.ts'
import { failed } from './exec-run.ts'

/** What a plugin answered. */
export interface ExecCredential {
  credentials: Credentials
  /** Milliseconds since the epoch; undefined: until the server refuses them. */
  expiresMs: number | undefined
}

interface Answer {
  apiVersion?: unknown
  kind?: unknown
  status?: Record<string, unknown> | null
}

/** Reads an ExecCredential as a plugin prints it. Throws WeftError EXEC_PLUGIN_FAILED. */
export function parseExecCredential(text: string, config: ExecConfig): ExecCredential {
  const { apiVersion, kind, status } = parse(text, config)
  if (kind !== 'ExecCredential' || apiVersion !== config.apiVersion)
    throw failed(
      config,
      `printed ${String(kind)} of ${String(apiVersion)} in place of an ExecCredential of ${config.apiVersion}`,
    )
  if (typeof status !== 'object' || status === null) throw failed(config, 'printed no status')
  const field = (name: string): string => textField(status, name, config)
  const [token, cert, key] = [field('token'), field('clientCertificateData'), field('clientKeyData')]
  if (!token && !cert && !key) throw failed(config, 'printed neither a token nor a client certificate')
  if (Boolean(cert) !== Boolean(key))
    throw failed(config, 'printed a client certificate without key, or a key without certificate')
  return {
    credentials: { ...(token && { token }), ...(cert && { cert, key }) },
    expiresMs: expiry(field('expirationTimestamp'), config),
  }
}

function parse(text: string, config: ExecConfig): Answer {
  try {
    const answer = JSON.parse(text) as Answer | null
    if (typeof answer === 'object' && answer !== null) return answer
  } catch (cause) {
    throw failed(config, 'printed something that is no JSON', cause)
  }
  throw failed(config, 'printed something that is no object')
}

function textField(status: Record<string, unknown>, name: string, config: ExecConfig): string {
  const value = status[name] ?? ''
  if (typeof value === 'string') return value.trim()
  throw failed(config, `printed a status.${name} that is no string`)
}

function expiry(timestamp: string, config: ExecConfig): number | undefined {
  if (!timestamp) return undefined
  const time = Date.parse(timestamp)
  if (Number.isNaN(time)) throw failed(config, `printed an expirationTimestamp that is no time ("${timestamp}")`)
  return time
}
