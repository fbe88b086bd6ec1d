"""What a schedule or a rehearsal plays on: clock, dice, scripted hosts, the post, a process on a store in memory."""
