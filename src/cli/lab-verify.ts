import { ApiClient } from '../kube/client.ts'
import { loadKubeconfig } from '../kube/kubeconfig.ts'
import { isLabRunning } from '../lab/running.ts'
import { type LabState, readLabState } from '../lab/state.ts'
import { type Report, type Row, verify } from '../lab/verify/index.ts'
import { WeftError } from '../model/error.ts'
import { exitCodes } from './errors.ts'
import { reportText } from './lab-verify-text.ts'
import { type Column, type OutputFormat, paint, print, say } from './output.ts'

interface Options {
  name: string
  output: OutputFormat
  seed?: number
  /** From then on it prints nothing: whoever started it has other things to say. */
  stop?: AbortSignal
}

/** `weft lab verify`: exit code 1 if anything mismatched. */
export async function run(options: Options): Promise<number> {
  const lab = readRunningLab(options.name)
  if (!lab.ready) say(`the lab "${lab.name}" is not ready yet: what is missing will show as a mismatch`)
  const api = new ApiClient(await loadKubeconfig(lab.kubeconfig))
  const counter = new Counter(options.stop)
  try {
    const report = await verify(lab, api, {
      progress: (text) => counter.above(text),
      count: (done, total) => counter.show(done, total),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    })
    if (options.stop?.aborted) return exitCodes.interrupted
    counter.clear()
    await printReport(report, options.output)
    say(countsOf(report))
    return report.counts.mismatched === 0 ? exitCodes.ok : exitCodes.failed
  } finally {
    counter.clear()
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
  if (format === 'wide') return print(report.rows, { format, kind: 'LabVerification', columns: columnsOf(report) })
  process.stdout.write(reportText(report, process.stdout.columns || usualWidth))
}

/** Columns of a terminal that does not say how many it has, or says 0. */
const usualWidth = 120

/** How far it is, on the last line of a terminal; nothing elsewhere. */
class Counter {
  readonly #stream = process.stderr
  readonly #stop: AbortSignal | undefined
  #shownAt = 0
  #shown = false

  constructor(stop: AbortSignal | undefined) {
    this.#stop = stop
  }

  show(done: number, total: number): void {
    const now = performance.now()
    if (this.#stop?.aborted || !this.#stream.isTTY || (now - this.#shownAt < 100 && done < total)) return
    this.#shownAt = now
    this.#shown = true
    this.#stream.write(`\r\u001b[K${done} of ${total} checks`)
  }

  /** A line of text over the count. */
  above(text: string): void {
    if (this.#stop?.aborted) return
    this.clear()
    say(text)
  }

  clear(): void {
    if (this.#shown && !this.#stop?.aborted) this.#stream.write('\r\u001b[K')
    this.#shown = false
  }
}

const columnsOf = ({ causes }: Report): readonly Column<Row>[] => [
  { title: 'RESULT', cell: (row) => colourOf(row.result) },
  { title: 'CHECK', cell: (row) => row.check },
  { title: 'WHAT', cell: (row) => row.what },
  { title: 'FROM', cell: (row) => row.from },
  { title: 'TRIED', cell: (row) => row.tried },
  { title: 'CAME BACK', cell: (row) => row.cameBack },
  { title: 'SHOULD', cell: (row) => row.should },
  { title: 'CAUSE', cell: ({ cause }) => (cause === undefined ? undefined : causes[cause]?.what), wide: true },
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
