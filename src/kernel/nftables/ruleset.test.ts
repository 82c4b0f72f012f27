import { closeSync, openSync } from 'node:fs'
import { beforeEach, expect, it, vi } from 'vitest'

/** A library that notes its calls; those beside the event loop last until they are ended. */
const library = vi.hoisted(() => ({ calls: [] as string[], end: [] as ((result: number) => void)[] }))
const command = vi.hoisted(() => ({ isThere: true }))

vi.mock('../ffi.ts', async (original) => ({
  ...(await original<object>()),
  libnftables: () => ({
    nft_ctx_new: () => ({}),
    nft_ctx_buffer_output: () => 0,
    nft_ctx_buffer_error: () => 0,
    nft_ctx_output_set_flags: () => {},
    nft_run_cmd_from_buffer: (_: unknown, text: string) => {
      library.calls.push(text)
      return 0
    },
    nft_ctx_get_output_buffer: () => 'by the library',
  }),
  nftablesInBackground: (_: unknown, name: string) =>
    name === 'nft_ctx_free' ? Promise.resolve() : new Promise((resolve) => library.end.push(resolve)),
}))
vi.mock('../netlink/socket.ts', async (original) => ({ ...(await original<object>()), sharedSocket: () => library }))
vi.mock('node:child_process', () => ({
  spawnSync: () =>
    command.isThere
      ? { status: 0, stdout: 'by the command', stderr: '' }
      : { error: Object.assign(new Error(), { code: 'ENOENT' }) },
}))

const { runNft, writeNftInBackground } = await import('./ruleset.ts')

beforeEach(() => {
  library.calls = []
  library.end = []
  command.isThere = true
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const listing = (): string => runNft('list chain ip filter FORWARD\n', undefined, { foreignRules: true })

it('lists rules of others by the command while another thread is in the library', async () => {
  expect(listing()).toBe('by the library')
  const writing = writeNftInBackground('add table ip weft\n')
  await turn()
  expect(library.end).toHaveLength(1)
  expect(listing()).toBe('by the command')
  expect(runNft('list tables\n')).toBe('by the library')
  library.end[0]?.(0)
  await writing
  expect(listing()).toBe('by the library')
})

it('does without where there is no command: a small risk is better than no answer', async () => {
  command.isThere = false
  const writing = writeNftInBackground('add table ip weft\n')
  await turn()
  expect(listing()).toBe('by the library')
  library.end[0]?.(0)
  await writing
})

it('is not in the library when that could not take another file', async ({ skip }) => {
  const files: number[] = []
  try {
    while ((files.at(-1) ?? 0) < 1024) files.push(openSync('/dev/null', 'r'))
    expect(runNft('list tables\n')).toBe('by the command')
    await writeNftInBackground('add table ip weft\n')
    expect(library.calls).toEqual([])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error
    skip('this process may not open so many files')
  } finally {
    for (const file of files) closeSync(file)
  }
})
