import { labSummaries } from '../lab/list.ts'
import { WeftError } from '../model/error.ts'
import { exitCodes } from './errors.ts'

/** Who was asked: an agent or the controller, on this machine or in a lab. */
export interface Asked {
  who: string
  path: string
  role: 'agent' | 'controller'
  lab?: string
}

/** Why nobody answers at a status socket, and what to do about it: a socket that is not there, one that was left behind, one of somebody else's, or a process that hangs. */
export function nobodyAnswers({ who, path, role, lab }: Asked, failure: unknown): WeftError {
  const cause = failure instanceof Error ? failure.cause : undefined
  const { message, remedy, exitCode = exitCodes.notReady } = told(role, who, lab, codeOf(cause))
  return new WeftError(message, { code: 'AGENT_NOT_RUNNING', fault: 'user', where: path, remedy, exitCode, cause })
}

const codeOf = (cause: unknown): unknown => (cause instanceof Error && 'code' in cause ? cause.code : undefined)

interface Told {
  message: string
  remedy: string
  exitCode?: number
}

function told(role: Asked['role'], who: string, lab: string | undefined, code: unknown): Told {
  const log =
    lab === undefined ? (role === 'agent' ? 'journalctl -u weft' : 'its log') : `weft lab status --name ${lab}`
  if (code === 'EACCES' || code === 'EPERM') {
    return {
      message: `the ${role} on ${who} answers root alone`,
      remedy: 'run it as root, e.g. with sudo',
      exitCode: exitCodes.permission,
    }
  }
  if (code === 'ENOENT') return { message: `no ${role} runs on ${who}`, remedy: howToStart(role, lab) }
  if (code === 'ECONNREFUSED') {
    return {
      message: `the ${role} on ${who} has ended, and not by itself: its socket is left`,
      remedy: `what it wrote stays, and traffic goes on; see why in '${log}', and start it again`,
    }
  }
  return {
    message: `the ${role} on ${who} is there and does not answer`,
    remedy: `see '${log}'; it may be stopped, or short of CPU`,
  }
}

function howToStart(role: Asked['role'], lab: string | undefined): string {
  if (lab !== undefined) return `see 'weft lab status --name ${lab}'`
  if (role === 'controller') return "start it with 'weft controller --allocate-node-cidrs'"
  const start = "start it with 'systemctl start weft' where there is a unit, else 'weft agent --kubeconfig FILE'"
  const labs = labNames()
  return labs.length === 0
    ? start
    : `${start}; of a lab: ${labs.map((name) => `'weft status --name ${name}'`).join(', ')}`
}

/** None where this user may not read them. */
function labNames(): string[] {
  try {
    return labSummaries().map(({ name }) => name)
  } catch {
    return []
  }
}
