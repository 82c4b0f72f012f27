/**
 * The first module of every bundle that runs in the VM: `node BUNDLE` runs the tests of the file that follows it and writes a line for each to stdout, `@@` and
 * an object of JSON. A process a file, as Vitest does it.
 */
import { startTests, type Task, type TaskResult, type Test, type VitestRunner } from '@vitest/runner'

/** One test's end. `message`: why it failed, or was skipped. */
export interface VmResult {
  file: string
  name: string
  /** The last part of the name. */
  title: string
  state: 'passed' | 'failed' | 'skipped'
  seconds: number
  message: string
}

interface RunnerOptions {
  root: string
  only: string | undefined
  load: () => Promise<unknown>
  onTest: (test: Test) => void
}

class Runner implements VitestRunner {
  readonly config: VitestRunner['config']
  readonly #load: () => Promise<unknown>
  readonly onAfterRunTask: (test: Test) => void

  constructor({ root, only, load, onTest }: RunnerOptions) {
    this.#load = load
    this.onAfterRunTask = onTest
    this.config = {
      root,
      name: undefined,
      setupFiles: [],
      passWithNoTests: false,
      testNamePattern: only === undefined ? undefined : new RegExp(only),
      allowOnly: false,
      sequence: { seed: 0, hooks: 'stack', setupFiles: 'list' },
      chaiConfig: undefined,
      maxConcurrency: 1,
      // Ends what hangs: emulation makes user code ten times slower.
      testTimeout: 240_000,
      hookTimeout: 240_000,
      retry: 0,
      includeTaskLocation: undefined,
      tags: [],
      tagsFilter: undefined,
      strictTags: false,
    }
  }

  importFile(): Promise<unknown> {
    return this.#load()
  }
}

/** `note` is what a test gave `context.skip`. */
type Ended = TaskResult & { note?: string }

const tell = (result: VmResult): boolean => process.stdout.write(`@@${JSON.stringify(result)}\n`)

export interface TestFile {
  /** The checkout. */
  root: string
  /** Below root; so the results name it. */
  file: string
  /** A pattern for the full names of tests; absent: all. */
  only?: string
}

/** @param load runs the file, which describes its tests */
export async function runFile({ root, file, only }: TestFile, load: () => Promise<unknown>): Promise<void> {
  const told = new Set<Task>()
  const isMeant = ({ fullTestName }: Test): boolean =>
    only === undefined || new RegExp(only).test(fullTestName.replaceAll(' > ', ' '))
  const tellTest = (test: Test): void => {
    if (!told.has(test) && isMeant(test)) tell(resultOf(test, file))
    told.add(test)
  }
  const files = await startTests([`${root}/${file}`], new Runner({ root, only, load, onTest: tellTest }))
  for (const task of files.flatMap(withAllBelow)) {
    if (task.type === 'test') tellTest(task)
    // Where a hook fails, or the file does not load, its tests say nothing of it.
    else if ((task.result?.errors ?? []).length > 0) tell(resultOf(task, file))
  }
  process.exit(0)
}

const withAllBelow = (task: Task): Task[] => [task, ...(task.type === 'suite' ? task.tasks.flatMap(withAllBelow) : [])]

function resultOf(task: Task, file: string): VmResult {
  const ended: Ended = task.result ?? { state: 'skip' }
  const { state, errors = [], duration = 0 } = ended
  return {
    file,
    name: task.fullTestName ?? file,
    title: task.name,
    state: state === 'pass' ? 'passed' : state === 'fail' ? 'failed' : 'skipped',
    seconds: duration / 1000,
    message:
      errors.map(({ message, stack = '', diff = '' }) => `${message}\n${diff}\n${stack}`).join('\n') ||
      (ended.note ?? ''),
  }
}
