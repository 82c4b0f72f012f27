import { arch, release } from 'node:os'
import { type OutputFormat, print } from './output.ts'
import { version } from './self.ts'

/** `weft version` */
export async function run(options: { output: OutputFormat }): Promise<number> {
  const versions = { version, node: process.version, kernel: release(), architecture: arch() }
  await print(versions, {
    format: options.output,
    kind: 'Version',
    columns: [
      { title: 'WEFT', cell: (row) => row.version },
      { title: 'NODE', cell: (row) => row.node },
      { title: 'KERNEL', cell: (row) => row.kernel },
      { title: 'ARCHITECTURE', cell: (row) => row.architecture, wide: true },
    ],
  })
  return 0
}
