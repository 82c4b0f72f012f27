import { CommanderError } from 'commander'
import { describe, expect, it, vi } from 'vitest'
import { buildProgram } from './program.ts'

async function refused(...args: string[]): Promise<unknown> {
  try {
    await buildProgram(() => {}).parseAsync(args, { from: 'user' })
  } catch (error) {
    return error
  }
  throw new Error('nothing was refused')
}

describe('wrong usage says what to write', () => {
  it.each<[string[], string, string]>([
    [['agent', '--cluster-cdir', 'x'], "unknown option '--cluster-cdir'", 'did you mean --cluster-cidr?'],
    [['agent', '--cidr', 'x'], "unknown option '--cidr'", 'did you mean --cluster-cidr?'],
    [['agent', '--cluster-cidr'], 'argument missing', 'write for example --cluster-cidr=10.42.0.0/16'],
    [['controller', '--node-cidr-mask-size'], 'argument missing', 'write for example --node-cidr-mask-size=24'],
    [['agent', '-o', 'jsn'], 'Allowed choices', 'did you mean json? write --output=json'],
    [['agent', 'start'], 'too many arguments', "'weft agent' takes options alone"],
    [['lab', 'status', 'demo'], 'too many arguments', "to name a lab write 'weft lab status --name demo'"],
    [['lab', 'up', '--nodes', 'two'], 'It must be a whole number', 'weft lab up --help'],
    [['agnet'], "unknown command 'agnet'", 'did you mean agent?'],
  ])('%j', async (args, message, remedy) => {
    expect(await refused(...args)).toMatchObject({
      code: 'CLI_USAGE',
      message: expect.stringContaining(message),
      remedy: expect.stringContaining(remedy),
    })
  })

  it('what was asked for is no error', async () => {
    const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    const end = await refused('--version')
    out.mockRestore()
    expect(end).toBeInstanceOf(CommanderError)
  })
})
