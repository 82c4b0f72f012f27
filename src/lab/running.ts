import { type LabProcesses, type LabSpec, labFiles, readJson } from './files.ts'
import { isRunning } from './process-identity.ts'

/** Whether a lab of that name is up or just being started: its supervisor, or the command that starts it, runs. */
export function isLabRunning(name: string): boolean {
  const files = labFiles(name)
  const supervisor = (readJson(files.processes) as LabProcesses | undefined)?.supervisor
  if (supervisor !== undefined) return isRunning(supervisor)
  const starter = (readJson(files.spec) as LabSpec | undefined)?.starter
  return starter !== undefined && isRunning(starter)
}
