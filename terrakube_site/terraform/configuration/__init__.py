"""What a module's files say, read without terraform: files, blocks, variables, providers; standard library only."""
