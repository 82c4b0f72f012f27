import { ApiClient } from '../kube/client.ts'
import { loadKubeconfig } from '../kube/kubeconfig.ts'
import { isLabRunning } from '../lab/running.ts'
import { type LabState, readLabState } from '../lab/state.ts'
import { type Report, type Row, summarize, verify } from '../lab/verify/index.ts'
import { WeftError } from '../model/error.ts'
import { exitCodes } from './errors.ts'
import { type Column, type OutputFormat, paint, print, say } from './output.ts'

/** `weft lab verify`: exit code 1 if anything mismatched. */
export async function run(options: { name: string; output: OutputFormat; seed?: number }): Promise<number> {
  const lab = readRunningLab(options.name)
  if (!lab.ready) say(`the lab "${lab.name}" is not ready yet: what is missing will show as a mismatch`)
  const api = new ApiClient(await loadKubeconfig(lab.kubeconfig))
  try {
    const report = await verify(lab, api, {
      progress: say,
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    })
    await printReport(report, options.output)
    say(countsOf(report))
    return report.counts.mismatched === 0 ? exitCodes.ok : exitCodes.failed
  } finally {
    api.close()
  }
}

function readRunningLab(name: string): LabState {
  const lab = readLabState(name)
  if (isLabRunning(name)) return lab
  throw new WeftError(`the lab "${name}" is not running`, {
    code: 'LAB_NOT_RUNNING',
    fault: 'user',
    where: '--name',
    remedy: `remove what is left of it with 'weft lab down --name ${name}', then 'weft lab up --name ${name}'`,
    exitCode: exitCodes.notFound,
  })
}

async function printReport(report: Report, format: OutputFormat): Promise<void> {
  if (format === 'json' || format === 'yaml') return print(report, { format, kind: 'LabVerification', columns: [] })
  const rows = format === 'wide' ? report.rows : summarize(report.rows)
  return print(rows, { format, kind: 'LabVerification', columns })
}

const columns: readonly Column<Row>[] = [
  { title: 'RESULT', cell: (row) => colourOf(row.result) },
  { title: 'CHECK', cell: (row) => row.check },
  { title: 'WHAT', cell: (row) => row.what },
  { title: 'FROM', cell: (row) => row.from },
  { title: 'TRIED', cell: (row) => row.tried },
  { title: 'CAME BACK', cell: (row) => row.cameBack },
  { title: 'SHOULD', cell: (row) => row.should },
  { title: 'FIRST ATTEMPT', cell: (row) => row.firstAttempt, wide: true },
]

function colourOf(result: Row['result']): string {
  if (result === 'ok') return paint(result, 'green')
  return paint(result, result === 'MISMATCH' ? 'red' : 'yellow')
}

function countsOf({ counts, seconds }: Report): string {
  const late = counts.late > 0 ? ` (${counts.late} at the second attempt only)` : ''
  return `${counts.ok} ok${late}, ${counts.mismatched} mismatched, ${counts.notTried} not tried; ${counts.tries} tries in ${seconds} s`
}
