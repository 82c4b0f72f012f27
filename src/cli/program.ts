import { Command, InvalidArgumentError, Option } from 'commander'
import { agentFlags } from '../config/agent-flags.ts'
import { controllerFlags } from '../config/controller-flags.ts'
import type { FlagTable } from '../config/flag.ts'
import { defaultLabName } from '../lab/name.ts'
import { labNetworkOptions } from './lab-up-network.ts'
import { configOptions } from './config-options.ts'
import { outputFormats } from './output.ts'
import { version } from './self.ts'
import { usageError } from './usage-error.ts'

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
    'weft lab up                        # a cluster on this machine, in network namespaces',
    'weft lab verify                    # real traffic for all that the cluster claims',
    'weft agent --kubeconfig FILE       # Services of a cluster, on this node',
    'weft status                        # what it did, and what it refuses',
  ])
  program.addCommand(buildLab(done))
  addAgent(program, done)
  addController(program, done)
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
    'weft lab up   # three nodes and a small shop; on a terminal until Ctrl-C',
    'weft lab up --name other -f app.yaml --detach',
    'export KUBECONFIG=$(weft lab kubeconfig)',
    'weft lab exec -n shop events-0 -- ip address',
    'weft lab verify && weft lab down',
  ])
  addLabUp(lab, done)
  const status = lab.command('status').description('what runs in the lab, and whether it is ready')
  runs(status.addOption(nameOption()).addOption(outputOption()), () => import('./lab-status.ts'), done)
  const list = lab.command('list').alias('ls').description('all labs of this machine')
  runs(list.addOption(outputOption()), () => import('./lab-list.ts'), done)
  addLabVerify(lab, done)
  const kubeconfig = lab.command('kubeconfig').description("print the path of the lab's kubeconfig")
  runs(kubeconfig.addOption(nameOption()), () => import('./lab-kubeconfig.ts'), done)
  addLabExec(lab, done)
  addLabLogs(lab, done)
  const down = lab.command('down').description('stop the lab and remove all that it made')
  runs(down.addOption(nameOption()), () => import('./lab-down.ts'), done)
  addLabProcesses(lab, done)
  return lab
}

function addLabUp(lab: Command, done: (exitCode: number) => void): void {
  const up = lab
    .command('up')
    .description('start a lab: API, controllers, nodes, and on each node the weft agent')
    .addOption(new Option('--nodes <n>', 'number of nodes').argParser(wholeNumber).default(3))
    .addOption(nameOption())
    .addOption(
      new Option('-f, --filename <file|dir>', 'manifests to apply; may be repeated')
        .argParser((value: string, before: string[]) => [...before, value])
        .default([], 'the shop in examples/, unless --kubeconfig'),
    )
    .option('--empty', 'apply nothing where -f is not given')
    .addOption(
      new Option('--timeout <seconds>', 'how long it may take (default: 120, and 4 for each node above 10)').argParser(
        positiveInteger,
      ),
    )
    .option('--detach', 'return once the lab is ready, and leave it running')
    .addOption(
      new Option('--agent-arg <name=value>', "flag for the nodes' agents; may be repeated")
        .argParser((value: string, before: string[]) => [...before, value])
        .default([], 'none'),
    )
    .option('--kubeconfig <file>', 'use this API server, which has its own controllers; the lab brings nodes alone')
  for (const option of labNetworkOptions()) up.addOption(option)
  addExamples(up, [
    'weft lab up   # with a small shop; on a terminal it stays until Ctrl-C',
    'weft lab up --nodes 5 -f app.yaml -f more/ --detach',
    'weft lab up --name other --dual-stack --empty',
    'kustomize build . | weft lab up -f -',
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
    .description('run a program of this machine in a pod: its network, files and environment')
    .usage('[options] POD -- COMMAND...')
    .argument('<pod>', 'POD or NAMESPACE/POD')
    .argument('[command...]', 'command and its arguments, after --')
    // Those of a command that lacks the -- before it; lab-exec.ts says so.
    .allowUnknownOption()
    .option('-n, --namespace <namespace>', 'namespace of the pod', 'default')
    .addOption(containerOption())
    .option('-i, --stdin', 'hand on standard input; it always is, and the option is there for those used to kubectl')
    .option('-t, --tty', 'the same for the terminal')
    .addOption(nameOption())
  addExamples(exec, [
    'weft lab exec shop/events-0 -- ip address',
    'weft lab exec -n shop events-0 -- curl -s http://CLUSTER-IP/',
  ])
  runs(exec, () => import('./lab-exec.ts'), done)
}

function addLabLogs(lab: Command, done: (exitCode: number) => void): void {
  const logs = lab
    .command('logs')
    .description('what a container of a pod says')
    .argument('<pod>', 'POD or NAMESPACE/POD')
    .option('-n, --namespace <namespace>', 'namespace of the pod', 'default')
    .addOption(containerOption())
    .option('-f, --follow', 'go on until the container has ended')
    .option('-p, --previous', 'the run before the last one')
    .option('--timestamps', 'with the time before each line')
    .addOption(new Option('--tail <n>', 'only that many of the last lines').argParser(wholeNumber))
    .addOption(nameOption())
  addExamples(logs, ['weft lab logs shop/events-0', 'weft lab logs -n shop events-0 -f --tail 10'])
  runs(logs, () => import('./lab-logs.ts'), done)
}

const containerOption = (): Option =>
  new Option(
    '-c, --container <name>',
    'container of the pod (default: the one that it is annotated with, or the first)',
  )

/** Processes that `lab up` starts: they hand their own arguments on untouched. */
function addLabProcesses(lab: Command, done: (exitCode: number) => void): void {
  const processes = {
    supervise: () => import('./lab-supervise.ts'),
    api: () => import('./lab-api.ts'),
    forward: () => import('./lab-forward.ts'),
    node: () => import('./lab-node.ts'),
  }
  for (const [name, load] of Object.entries(processes))
    runs(lab.command(name, { hidden: true }).argument('[arguments...]').allowUnknownOption(), load, done)
}

function addAgent(program: Command, done: (exitCode: number) => void): void {
  const agent = program
    .command('agent')
    .description("keep this node's kernel as the API says, until stopped")
    .option('--dry-run', 'print what would change in the kernel (or be removed), and change nothing')
    .option('--cleanup', 'remove what Weft has put into this network namespace, and end')
    .option('--cleanup-kube-proxy', 'remove what a kube-proxy that has ended left there, and end')
    .addOption(outputOption())
  addExamples(agent, [
    'weft agent --kubeconfig /var/lib/rancher/k3s/agent/kubeproxy.kubeconfig',
    'weft agent --kubeconfig FILE --dry-run',
    'weft agent --cleanup-kube-proxy    # once this agent serves and K3s runs without kube-proxy',
    'weft agent --cleanup               # all of Weft goes',
  ])
  for (const option of configOptions(agentFlags)) agent.addOption(option)
  runs(
    agent,
    () => {
      const { cleanup, cleanupKubeProxy } = agent.opts<{ cleanup?: boolean; cleanupKubeProxy?: boolean }>()
      return cleanup || cleanupKubeProxy ? import('./cleanup.ts') : import('./agent.ts')
    },
    done,
  )
}

function addController(program: Command, done: (exitCode: number) => void): void {
  const controller = program
    .command('controller')
    .description('do for the cluster what was asked for, until stopped; of several, one leads')
    .option('--dry-run', 'print what would be assigned, and change nothing')
    .addOption(outputOption())
  addExamples(controller, [
    'weft controller --kubeconfig FILE --allocate-node-cidrs --cluster-cidr 10.42.0.0/16,fd42::/56',
    'weft controller --kubeconfig FILE --allocate-node-cidrs --dry-run',
  ])
  for (const option of configOptions(controllerFlags)) controller.addOption(option)
  runs(controller, () => import('./controller.ts'), done)
}

function addStatus(program: Command, done: (exitCode: number) => void): void {
  const status = program
    .command('status')
    .description('whether the kernel is what the API says, what others changed, and what is refused and why')
    .option('--name <lab>', 'ask the agents of this lab instead of the one on this machine')
    .option('--node <node>', 'only this node of the lab')
    .addOption(
      new Option('--run-dir <dir>', 'what the agent was given as its --run-dir').default(agentFlags['run-dir'].default),
    )
    .addOption(outputOption())
  addExamples(status, ['weft status', 'weft status --name lab', 'weft status --name lab --node node1 -o yaml'])
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

/** Lines longer than this are hard to read, whatever the terminal has. */
const widestHelp = 120
/** What stands beside the options is broken into lines down to this width. */
const narrowestText = 24
const helpWidth = (): number => Math.min(process.stdout.columns ?? widestHelp, widestHelp)

/** Commands whose options are a table of flags. */
const tables: Readonly<Partial<Record<string, FlagTable>>> = { agent: agentFlags, controller: controllerFlags }

/** Wrong usage is thrown, not printed and exited on, at every level of the tree. */
function inherit(command: Command): Command {
  command.exitOverride((error) => {
    throw usageError(error, command, tables[command.name()])
  })
  command.configureOutput({ outputError: () => {}, getOutHelpWidth: helpWidth })
  command.configureHelp({ minWidthToWrap: narrowestText })
  command.showSuggestionAfterError(true).helpOption('-h, --help', 'print help').helpCommand(false)
  for (const child of command.commands) inherit(child)
  return command
}

function positiveInteger(text: string): number {
  if (!/^[1-9][0-9]{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 to 999999.')
  return Number(text)
}

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}
