import { execInPod } from '../lab/exec.ts'
import { WeftError } from '../model/error.ts'

interface Options {
  name: string
  namespace: string
  container?: string
}

/** `weft lab exec`: exit code is the program's. @throws WeftError CLI_USAGE */
export function run(options: Options, args: string[], argv: readonly string[] = process.argv): Promise<number> {
  checkUsage(args, argv.includes('--'))
  const [pod = '', ...command] = args
  return execInPod({
    lab: options.name,
    namespace: options.namespace,
    pod,
    command,
    ...(options.container !== undefined && { container: options.container }),
  })
}

/** Before `--` there is one word, the pod; without it options of the command would be taken for ours. */
function checkUsage(args: readonly string[], hasDashes: boolean): void {
  const [pod = '', ...command] = args
  const option = args.slice(0, hasDashes ? 1 : 2).find((word) => word.startsWith('-'))
  if (option !== undefined) throw usage(`unknown option '${option}'`, "see 'weft lab exec --help'")
  if (command.length === 0) throw usage(`what is to be run in ${pod}?`, `name a command: 'weft lab exec ${pod} -- sh'`)
  if (hasDashes) return
  throw usage('the command has to stand after --', `write 'weft lab exec ${pod} -- ${command.join(' ')}'`)
}

const usage = (message: string, remedy: string): WeftError =>
  new WeftError(message, { code: 'CLI_USAGE', fault: 'user', remedy })
