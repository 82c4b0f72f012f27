import { existsSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import type { LabReport, ProcessReport } from './status.ts'

/**
 * What keeps a lab from being whole, besides its nodes and agents, which have a line each: one sentence for each, with where to read on.
 *
 * @param logs the lab's folder of logs; with an API server that was given, what carries it into the lab has one there
 * @param apiAnswers whether objects could be read
 */
export function problemsOf(
  { api, controller }: Pick<LabReport, 'api' | 'controller'>,
  apiAnswers: boolean,
  logs: string,
): string[] {
  const forwardLog = join(logs, 'forward.log')
  const apiProblem = existsSync(forwardLog)
    ? processProblem('the way to the API', api, apiAnswers, forwardLog)
    : processProblem('the API', api, apiAnswers, join(logs, 'api.log'))
  if (controller === undefined) return apiProblem
  const answers = controller.answers === true
  return [...apiProblem, ...processProblem('the controller', controller, answers, join(logs, 'controller.log'))]
}

const leastFreeBytes = 1024 * 1024

/** A sentence where the lab's files can hardly be written any more: then the API takes no change, and what `status` shows may be old. */
export function diskProblems(directory: string): string[] {
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize < leastFreeBytes ? [`the file system of ${directory} is full; make room there`] : []
}

function processProblem(what: string, { pid, lastExit }: ProcessReport, answers: boolean, log: string): string[] {
  if (pid === undefined) return [`${what} is not running (${lastExit ?? 'it was never started'}); see ${log}`]
  return answers ? [] : [`${what} does not answer (pid ${pid}); see ${log}`]
}
