import { relative } from 'node:path'
import { isatty } from 'node:tty'
import { untilAborted } from '../kube/abort.ts'
import { agentFlags } from '../config/agent-flags.ts'
import { loadSettings } from '../config/settings.ts'
import { defaultLabName } from '../lab/name.ts'
import { nextSteps } from '../lab/next-steps.ts'
import { type StartedLab, startLab } from '../lab/up.ts'
import { exitCodes } from './errors.ts'
import { type LabNetworkFlags, networkOptions } from './lab-up-network.ts'
import { run as verify } from './lab-verify.ts'
import { stepLines, waitingText } from './lab-up-text.ts'
import { paint, say } from './output.ts'
import { commandName, examples, program } from './self.ts'

type Options = {
  name: string
  nodes: number
  filename: string[]
  detach?: boolean
  empty?: boolean
  agentArg: string[]
  kubeconfig?: string
  /** Seconds. */
  timeout?: number
} & LabNetworkFlags

/**
 * `weft lab up`: with --detach returns as soon as the lab is ready; else verifies it, and on a terminal keeps it until
 * Ctrl-C. Exit code: that of `weft lab verify`, if it ran.
 */
export async function run(options: Options): Promise<number> {
  const stop = stopSignal()
  const lab = await startLab({
    name: options.name,
    nodes: options.nodes,
    network: networkOptions(options),
    agentArguments: await checkedAgentArguments(options.agentArg),
    ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
    filenames: filenamesOf(options),
    timeoutSeconds: options.timeout ?? usualTimeoutSeconds(options.nodes),
    program: program(),
    onPhase: (title, seconds) =>
      say(
        `${paint('✓', 'green', process.stderr)} ${title} ${paint(`(${seconds.toFixed(1)} s)`, 'dim', process.stderr)}`,
      ),
    onWaiting: (missing) => say(waitingText(missing, columns())),
    onNotice: say,
    signal: stop,
  })
  const isInteractive = process.stdin.isTTY && process.stdout.isTTY
  say(`lab "${options.name}" is ready after ${lab.seconds.toFixed(1)} s (nodes: ${options.nodes}, pods: ${lab.pods})`)
  if (options.detach) {
    await sayNextSteps(options.name)
    lab.detach()
    return exitCodes.ok
  }
  return isInteractive ? stayInForeground(options.name, lab, stop) : verifyAndLeave(options.name, lab, stop)
}

/** So that a mistake is told here and not by agents that end again and again. @throws WeftError CONFIG_… */
async function checkedAgentArguments(texts: readonly string[]): Promise<readonly string[]> {
  const flags = texts.map((text) => /^(?:--)?([^=]*)(?:=(.*))?$/s.exec(text) ?? [])
  const given = flags.map(([, name = '', value = 'true']) => [name, value] as const)
  if (given.length > 0) await loadSettings(agentFlags, Object.fromEntries(given))
  return given.map(([name, value]) => `${name}=${value}`)
}

/** How the verification ended: its exit code, or what came before. */
type Verified = number | 'stopped' | 'died'

async function verified(name: string, lab: StartedLab, stop: AbortSignal): Promise<Verified> {
  const stopped = untilAborted(stop).then(() => 'stopped' as const)
  const died = lab.ended.then(() => 'died' as const)
  const over = new AbortController()
  const report = verify({ name, output: 'table', stop: over.signal })
  return Promise.race([report, stopped, died]).finally(() => over.abort())
}

async function verifyAndLeave(name: string, lab: StartedLab, stop: AbortSignal): Promise<number> {
  const exitCode = await verified(name, lab, stop)
  if (typeof exitCode !== 'number') return removed(name, lab, exitCode)
  await sayNextSteps(name)
  lab.detach()
  return exitCode
}

async function stayInForeground(name: string, lab: StartedLab, stop: AbortSignal): Promise<number> {
  const exitCode = await verified(name, lab, stop)
  if (typeof exitCode !== 'number') return removed(name, lab, exitCode)
  await sayNextSteps(name)
  say('\nTry it in another terminal; Ctrl-C here ends the lab.')
  const end = await Promise.race([untilAborted(stop), lab.ended.then(() => 'died' as const)])
  await removed(name, lab, end ?? 'stopped')
  return end === 'died' ? exitCodes.failed : exitCode
}

/** @returns the exit code where there is no other */
async function removed(name: string, lab: StartedLab, why: 'stopped' | 'died'): Promise<number> {
  say(why === 'died' ? `the lab "${name}" has ended` : `removing the lab "${name}"`)
  await lab.remove()
  say('removed: nothing of it is left')
  return why === 'died' ? exitCodes.failed : exitCodes.interrupted
}

/** Two processes of each node take some time to load, on however few processors. */
const usualTimeoutSeconds = (nodes: number): number => 120 + 4 * Math.max(0, nodes - 10)

/** The examples are for a cluster of the lab's own: nobody else's gets anything unasked. */
function filenamesOf({ filename, empty, kubeconfig }: Options): string[] {
  if (filename.length > 0 || empty || kubeconfig !== undefined) return filename
  return [relative(process.cwd(), examples())]
}

async function sayNextSteps(name: string): Promise<void> {
  const steps = await nextSteps(name, commandName(), name === defaultLabName ? '' : ` --name ${name}`)
  say('\nNext:')
  for (const line of stepLines(steps, columns())) say(line)
}

/** Of the terminal; undefined where there is none, or one that says 0. */
const columns = (): number | undefined => process.stderr.columns || undefined

/** How often it is seen whether the terminal is still there. */
const terminalIntervalMs = 1_000

/**
 * Aborts at the first SIGINT, SIGTERM or SIGHUP, and when the terminal is gone: of that the kernel tells the first process of the session alone, and not each passes it on (make, as the command
 * of `ssh -t`).
 */
function stopSignal(): AbortSignal {
  const stop = new AbortController()
  // The terminal has written ^C, on a line that may have begun already.
  process.once('SIGINT', () => process.stderr.isTTY && say(''))
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort())
  if (isatty(0)) setInterval(() => isatty(0) || stop.abort(), terminalIntervalMs).unref()
  return stop.signal
}
