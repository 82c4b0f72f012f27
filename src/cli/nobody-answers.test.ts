import { describe, expect, it } from 'vitest'
import { type Asked, nobodyAnswers } from './nobody-answers.ts'

const failed = (code?: string): Error =>
  new Error('x', {
    cause: code === undefined ? new Error('no answer within 3 s') : Object.assign(new Error(code), { code }),
  })
const agent: Asked = { who: 'n1', role: 'agent', path: '/run/weft/agent.sock' }

describe('nobody answers, and why', () => {
  it.each<[string | undefined, string, string, number]>([
    ['ENOENT', 'no agent runs on n1', 'systemctl start weft', 3],
    ['ECONNREFUSED', 'has ended, and not by itself', 'journalctl -u weft', 3],
    ['EACCES', 'answers root alone', 'sudo', 5],
    [undefined, 'is there and does not answer', 'journalctl -u weft', 3],
  ])('%s', (code, message, remedy, exitCode) => {
    expect(nobodyAnswers(agent, failed(code))).toMatchObject({
      message: expect.stringContaining(message),
      remedy: expect.stringContaining(remedy),
      exitCode,
      where: agent.path,
    })
  })

  it("sends whoever asks for a lab to that lab's status", () => {
    const { remedy } = nobodyAnswers({ ...agent, lab: 'x' }, failed('ENOENT'))
    expect(remedy).toBe("see 'weft lab status --name x'")
  })
})
