import { type LabSummary, labSummaries } from '../lab/list.ts'
import { exitCodes } from './errors.ts'
import { type Column, type OutputFormat, print, say } from './output.ts'

/** `weft lab list`: all labs of this machine. */
export async function run(options: { output: OutputFormat }): Promise<number> {
  const labs = labSummaries()
  if (labs.length === 0 && options.output === 'table') say("there are no labs; 'weft lab up' starts one")
  else await print(labs, { format: options.output, kind: 'Lab', columns })
  return exitCodes.ok
}

const columns: readonly Column<LabSummary>[] = [
  { title: 'NAME', cell: (lab) => lab.name },
  { title: 'STATE', cell: (lab) => lab.state },
  { title: 'NODES', cell: (lab) => lab.nodes },
  { title: 'KUBECONFIG', cell: (lab) => lab.kubeconfig },
]
