import { Command, type CommanderError, InvalidArgumentError, Option } from 'commander'
import { flannelBackends } from '../agent/config.ts'
import { defaultLabName } from '../lab/name.ts'
import { WeftError } from '../model/error.ts'
import { outputFormats } from './output.ts'
import { version } from './self.ts'

/** What a command's file exports: does the work and resolves to the exit code (docs/cli.md), or throws a WeftError. */
export interface ActionModule {
  // Each command knows the shape of its own options, as declared below.
  run(options: any, args: string[]): Promise<number>
}

/**
 * The tree of commands, without their work: each loads its file only when it runs, so that `--help` loads none.
 *
 * @param done takes the exit code of the command that ran.
 */
export function buildProgram(done: (exitCode: number) => void): Command {
  const program = new Command('weft')
    .description('The K3s network stack: what the Kubernetes API says, done in the Linux kernel, and shown to be so.')
    .version(version, '-V, --version', 'print the version')
    .option('--debug', 'print stack traces of errors')
  addExamples(program, [
    'weft lab up -f examples/shop.yaml # a cluster on this machine, in network namespaces',
    'weft lab verify                    # real traffic for all that the cluster claims',
    'weft agent --kubeconfig FILE       # Services of a cluster, on this node',
  ])
  program.addCommand(buildLab(done))
  addAgent(program, done)
  addStatus(program, done)
  runs(
    program.command('version').description('print versions of weft, Node and the kernel').addOption(outputOption()),
    () => import('./version.ts'),
    done,
  )
  return inherit(program)
}

function buildLab(done: (exitCode: number) => void): Command {
  const lab = new Command('lab').description('a whole cluster on this machine, in network namespaces')
  addExamples(lab, [
    'weft lab up --nodes 3 -f examples/shop.yaml --detach',
    'export KUBECONFIG=$(weft lab kubeconfig)',
    'weft lab exec web-0 -- ip address',
    'weft lab verify && weft lab down',
  ])
  addLabUp(lab, done)
  const status = lab.command('status').description('what runs in the lab, and whether it is ready')
  runs(status.addOption(nameOption()).addOption(outputOption()), () => import('./lab-status.ts'), done)
  addLabVerify(lab, done)
  const kubeconfig = lab.command('kubeconfig').description("print the path of the lab's kubeconfig")
  runs(kubeconfig.addOption(nameOption()), () => import('./lab-kubeconfig.ts'), done)
  addLabExec(lab, done)
  const down = lab.command('down').description('stop the lab and remove all that it made')
  runs(down.addOption(nameOption()), () => import('./lab-down.ts'), done)
  addLabProcesses(lab, done)
  return lab
}

function addLabUp(lab: Command, done: (exitCode: number) => void): void {
  const up = lab
    .command('up')
    .description('start a lab: API, controllers, nodes, and on each node the weft agent')
    .addOption(new Option('--nodes <n>', 'number of nodes').argParser(positiveInteger).default(3))
    .addOption(nameOption())
    .addOption(
      new Option('-f, --filename <file|dir>', 'manifests to apply; may be repeated')
        .argParser((value: string, before: string[]) => [...before, value])
        .default([], 'none'),
    )
    .addOption(new Option('--timeout <seconds>', 'how long it may take').argParser(positiveInteger).default(120))
    .option('--detach', 'return once the lab is ready, and leave it running')
  addExamples(up, [
    'weft lab up',
    'weft lab up --nodes 3 -f examples/shop.yaml -f more/ --detach',
    'weft lab up --name other',
  ])
  runs(up, () => import('./lab-up.ts'), done)
}

function addLabVerify(lab: Command, done: (exitCode: number) => void): void {
  const verify = lab
    .command('verify')
    .description('send real traffic for all that the cluster claims, and compare')
    .addOption(nameOption())
    .addOption(
      new Option('--seed <n>', 'which pods ask which, in a lab too large for all of them').argParser(positiveInteger),
    )
    .addOption(outputOption())
  addExamples(verify, [
    'weft lab verify',
    'weft lab verify -o wide            # every check',
    'weft lab verify -o json | jq \'.rows[] | select(.result == "MISMATCH")\'',
  ])
  runs(verify, () => import('./lab-verify.ts'), done)
}

function addLabExec(lab: Command, done: (exitCode: number) => void): void {
  const exec = lab
    .command('exec')
    .description('run a command in the network namespace of a pod')
    .usage('[options] POD -- COMMAND...')
    .argument('<pod>', 'POD or NAMESPACE/POD')
    .argument('<command...>', 'command and its arguments')
    .option('-n, --namespace <namespace>', 'namespace of the pod', 'default')
    .addOption(nameOption())
  addExamples(exec, ['weft lab exec web-0 -- ip address', 'weft lab exec -n shop web-0 -- curl -s http://10.43.0.10/'])
  runs(exec, () => import('./lab-exec.ts'), done)
}

/** Processes that `lab up` starts: they hand their own arguments on untouched. */
function addLabProcesses(lab: Command, done: (exitCode: number) => void): void {
  const supervise = lab.command('supervise', { hidden: true }).argument('[arguments...]').allowUnknownOption()
  runs(supervise, () => import('./lab-supervise.ts'), done)
  const api = lab.command('api', { hidden: true }).argument('[arguments...]').allowUnknownOption()
  runs(api, () => import('./lab-api.ts'), done)
  const node = lab.command('node', { hidden: true }).argument('[arguments...]').allowUnknownOption()
  runs(node, () => import('./lab-node.ts'), done)
}

function addAgent(program: Command, done: (exitCode: number) => void): void {
  const agent = program
    .command('agent')
    .description("keep this node's kernel as the API says, until stopped")
    .requiredOption('--kubeconfig <file>', 'how to reach the API')
    .option('--node-name <name>', "the Node object that stands for this machine (default: the machine's host name)")
    .option('--run-dir <dir>', 'where the lock and the status socket live', '/run/weft')
    .option('--cluster-cidr <cidr>', 'addresses of pods; traffic from them keeps its source', '10.42.0.0/16')
    .option('--service-cidr <cidr>', 'addresses of Services', '10.43.0.0/16')
    .addOption(
      new Option('--flannel-backend <backend>', 'what makes the pod network; none: somebody else does')
        .choices([...flannelBackends])
        .default('none'),
    )
    .option('--dry-run', 'print what would change in the kernel, and change nothing')
    .addOption(outputOption())
  addExamples(agent, [
    'weft agent --kubeconfig /var/lib/rancher/k3s/agent/kubeproxy.kubeconfig',
    'weft agent --kubeconfig FILE --dry-run',
  ])
  runs(agent, () => import('./agent.ts'), done)
}

function addStatus(program: Command, done: (exitCode: number) => void): void {
  const status = program
    .command('status')
    .description('what an agent wants, what the kernel has, and the difference')
    .option('--name <lab>', 'ask the agents of this lab instead of the one on this machine')
    .option('--node <node>', 'only this node of the lab')
    .addOption(outputOption())
  addExamples(status, ['weft status', 'weft status --name lab --node node-1 -o yaml'])
  runs(status, () => import('./status.ts'), done)
}

const nameOption = (): Option => new Option('--name <name>', 'name of the lab').default(defaultLabName)

const outputOption = (): Option =>
  new Option('-o, --output <format>', 'output format').choices([...outputFormats]).default('table')

function addExamples(command: Command, examples: readonly string[]): void {
  command.addHelpText('before', `Examples:\n${examples.map((example) => `  ${example}\n`).join('')}`)
}

function runs(command: Command, load: () => Promise<ActionModule>, done: (exitCode: number) => void): void {
  command.action(async () => {
    const module = await load()
    done(await module.run(command.optsWithGlobals(), command.args))
  })
}

/** Wrong usage is thrown, not printed and exited on, at every level of the tree. */
function inherit(command: Command): Command {
  command.exitOverride((error) => {
    throw usageError(error, command)
  })
  command.configureOutput({ outputError: () => {} })
  command.showSuggestionAfterError(true).helpOption('-h, --help', 'print help').helpCommand(false)
  for (const child of command.commands) inherit(child)
  return command
}

/** Commander's own words in the form of every other error; what only printed help or the version stays as it is. */
function usageError(error: CommanderError, command: Command): Error {
  if (error.exitCode === 0 || error.code === 'commander.help') return error
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  const meant = suggestion?.match(/^\(Did you mean (.+)\?\)$/)?.[1]
  const help = `see '${pathOf(command)} --help'`
  return new WeftError(message, {
    code: 'CLI_USAGE',
    fault: 'user',
    remedy: meant === undefined ? help : `did you mean ${meant}? Or ${help}`,
  })
}

const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`

function positiveInteger(text: string): number {
  if (!/^[1-9][0-9]{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 to 999999.')
  return Number(text)
}
