import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { WeftError } from '../model/error.ts'
import type { ExecConfig } from './exec-config.ts'

/** What a plugin printed. */
export interface ExecOutput {
  stdout: string
  /** Empty where it went to the terminal. */
  stderr: string
}

const TIMEOUT_MILLISECONDS = 60_000
/** Somebody may have to type something. */
const INTERACTIVE_TIMEOUT_MILLISECONDS = 600_000
const OUTPUT_GRACE_MILLISECONDS = 1_000
const LONGEST_OUTPUT_BYTES = 1024 * 1024
const SHOWN_STDERR = 300

/**
 * Runs a credential plugin to its end. `isTerminal` says whether standard input is one; where nobody is asked anything, the plugin is killed after
 * `timeoutMs`.
 *
 * @throws WeftError EXEC_PLUGIN_FAILED
 */
export async function runPlugin(
  config: ExecConfig,
  isTerminal: boolean,
  timeoutMs = TIMEOUT_MILLISECONDS,
): Promise<ExecOutput> {
  if (config.interactiveMode === 'Always' && !isTerminal)
    throw failed(config, 'has to ask somebody (interactiveMode Always), and there is no terminal')
  const interactive = isTerminal && config.interactiveMode !== 'Never'
  const child = spawn(config.command, config.args, {
    env: { ...process.env, ...config.env, KUBERNETES_EXEC_INFO: execInfo(config, interactive) },
    stdio: interactive ? ['inherit', 'pipe', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    timeout: interactive ? INTERACTIVE_TIMEOUT_MILLISECONDS : timeoutMs,
    killSignal: 'SIGKILL',
  })
  const output = Promise.all([textOf(child.stdout), textOf(child.stderr)])
  const end = await new Promise<string>((resolve, reject) => {
    child.on('error', (cause: NodeJS.ErrnoException) => reject(notStarted(config, cause)))
    child.on('exit', (code, signal) => resolve(signal ? `was ended by ${signal}` : code ? `ended with ${code}` : ''))
  })
  const letGo = setTimeout(() => closeAll(child), OUTPUT_GRACE_MILLISECONDS)
  const [stdout, stderr] = await output
  clearTimeout(letGo)
  if (end) throw failed(config, `${end}${tail(stderr)}`)
  return { stdout, stderr }
}

/** A process that the plugin left behind may hold its outputs open for ever. */
function closeAll({ stdout, stderr }: ChildProcess): void {
  stdout?.destroy()
  stderr?.destroy()
}

/** Tells the plugin what is expected: an ExecCredential without status, in an environment variable. */
const execInfo = ({ apiVersion, cluster }: ExecConfig, interactive: boolean): string =>
  JSON.stringify({ kind: 'ExecCredential', apiVersion, spec: { ...(cluster && { cluster }), interactive } })

async function textOf(stream: Readable | null): Promise<string> {
  if (!stream) return ''
  const chunks: Buffer[] = []
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= LONGEST_OUTPUT_BYTES) chunks.push(chunk)
  })
  await new Promise<void>((resolve) => stream.on('close', resolve).on('error', () => resolve()))
  return Buffer.concat(chunks).toString('utf8')
}

/** The last of what it said, on one line. */
function tail(stderr: string): string {
  const text = stderr.trim().replaceAll(/\s*\n\s*/g, ' / ')
  if (!text) return ''
  return `: ${text.length > SHOWN_STDERR ? `…${text.slice(-SHOWN_STDERR)}` : text}`
}

function notStarted(config: ExecConfig, cause: NodeJS.ErrnoException): WeftError {
  if (cause.code !== 'ENOENT') return failed(config, `cannot be run: ${cause.message}`, cause)
  const remedy = config.installHint.replaceAll(/\s*\n\s*/g, ' ') || 'install it, or correct "command" in the kubeconfig'
  return failed(config, 'is not there', cause, remedy)
}

/** An error of a plugin; the message names its command. */
export function failed(
  { command, args, where }: ExecConfig,
  what: string,
  cause?: unknown,
  remedy = `run it by hand to see what is wrong: ${[command, ...args].join(' ')}`,
): WeftError {
  const message = `the credential plugin "${command}" ${what}`
  return new WeftError(message, { code: 'EXEC_PLUGIN_FAILED', fault: 'user', where, remedy, exitCode: 5, cause })
}
