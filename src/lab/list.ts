import { type LabSpec, labFiles, readJson } from './files.ts'
import { isLabRunning } from './running.ts'
import { type LabState, listLabs } from './state.ts'

/** A lab as `weft lab list` shows it: by its files, without asking anybody. */
export interface LabSummary {
  name: string
  /** `dead`: its supervisor is gone, and `weft lab down` or the next `up` cleans up. */
  state: 'running' | 'starting' | 'dead'
  nodes: number
  kubeconfig: string
}

/** All labs of this machine that left a folder, by name. @throws WeftError LAB_NOT_READABLE */
export function labSummaries(): LabSummary[] {
  return listLabs().toSorted().map(summary)
}

function summary(name: string): LabSummary {
  const files = labFiles(name)
  const spec = readJson(files.spec) as LabSpec | undefined
  const state = readJson(files.state) as LabState | undefined
  const running = state?.ready === true ? 'running' : 'starting'
  return {
    name,
    state: isLabRunning(name) ? running : 'dead',
    nodes: spec?.nodes ?? 0,
    kubeconfig: state?.kubeconfig ?? files.kubeconfig,
  }
}
