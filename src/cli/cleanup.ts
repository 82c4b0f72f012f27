import { cleanUpNode } from '../agent/cleanup.ts'
import { exitCodes } from './errors.ts'
import { type OutputFormat, print, say } from './output.ts'

/** `weft agent --cleanup`: removes what Weft put into this network namespace and says what that was. */
export async function run(options: { output: OutputFormat }): Promise<number> {
  const removed = await cleanUpNode()
  const rows = removed.map((what) => ({ what }))
  const columns = [{ title: 'REMOVED', cell: ({ what }: { what: string }) => what }]
  const isTable = options.output === 'table' || options.output === 'wide'
  if (rows.length > 0 || !isTable) await print(rows, { format: options.output, kind: 'Removed', columns })
  say(removed.length === 0 ? 'there was nothing of ours' : 'settings of the kernel (sysctl) stay as they are')
  return exitCodes.ok
}
