import { execInPod } from '../lab/exec.ts'

/** `weft lab exec`: exit code is the program's. */
export function run(options: { name: string; namespace?: string }, args: string[]): Promise<number> {
  const [pod = '', ...command] = args
  return execInPod({ lab: options.name, namespace: options.namespace ?? 'default', pod, command })
}
