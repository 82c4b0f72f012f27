import { defaultLabName } from '../lab/name.ts'
import { nextSteps } from '../lab/next-steps.ts'
import { removeLab } from '../lab/topology/remove.ts'
import { type StartedLab, startLab } from '../lab/up.ts'
import { exitCodes } from './errors.ts'
import { run as verify } from './lab-verify.ts'
import { paint, say } from './output.ts'
import { commandName, program } from './self.ts'

interface Options {
  name: string
  nodes: number
  filename: string[]
  detach?: boolean
  /** Seconds. */
  timeout: number
}

/**
 * `weft lab up`: with --detach returns as soon as the lab is ready; else verifies it, and on a terminal keeps it until
 * Ctrl-C. Exit code: that of `weft lab verify`, if it ran.
 */
export async function run(options: Options): Promise<number> {
  const stop = stopSignal()
  const lab = await startLab({
    name: options.name,
    nodes: options.nodes,
    filenames: options.filename,
    timeoutSeconds: options.timeout,
    program: program(),
    onPhase: (title, seconds) =>
      say(
        `${paint('✓', 'green', process.stderr)} ${title} ${paint(`(${seconds.toFixed(1)} s)`, 'dim', process.stderr)}`,
      ),
    onWaiting: (missing) => say(`… waiting for ${missing.join('; ')}`),
    signal: stop,
  })
  const isInteractive = process.stdin.isTTY && process.stdout.isTTY
  say(`lab "${options.name}" is ready after ${lab.seconds.toFixed(1)} s (nodes: ${options.nodes}, pods: ${lab.pods})`)
  if (options.detach) {
    await sayNextSteps(options.name)
    lab.detach()
    return exitCodes.ok
  }
  return isInteractive ? stayInForeground(options.name, lab, stop) : verifyAndLeave(options.name, lab)
}

async function verifyAndLeave(name: string, lab: StartedLab): Promise<number> {
  const exitCode = await verify({ name, output: 'table' })
  await sayNextSteps(name)
  lab.detach()
  return exitCode
}

async function stayInForeground(name: string, lab: StartedLab, stop: AbortSignal): Promise<number> {
  const stopped = new Promise<'stopped'>((resolve) => {
    stop.addEventListener('abort', () => resolve('stopped'), { once: true })
  })
  const died = lab.ended.then(() => 'died' as const)
  try {
    const verified = await Promise.race([verify({ name, output: 'table' }), stopped, died])
    if (typeof verified === 'number') {
      await sayNextSteps(name)
      say('Try it in another terminal; Ctrl-C here ends the lab.')
    }
    const end = await Promise.race([stopped, died])
    if (end === 'died') say("the lab's supervisor has ended; cleaning up")
    return end === 'died' || typeof verified !== 'number' ? exitCodes.failed : verified
  } finally {
    await removeLab(name)
    say(`lab "${name}" removed`)
  }
}

async function sayNextSteps(name: string): Promise<void> {
  say('Next:')
  for (const line of await nextSteps(name, commandName(), name === defaultLabName ? '' : ` --name ${name}`))
    say(`  ${line}`)
}

/** Aborts at the first SIGINT, SIGTERM or SIGHUP. */
function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort())
  return stop.signal
}
