"""What a process that `multiprocessing` starts loads in the place of the script.

A new process loads the main module of its parent again, by the name in its
``__spec__``. The runner puts the name of this module there. What is defined
here is what the script defines, under the name ``__mp_main__``.
"""

if __name__ == "__mp_main__":
    from lasagne import _runner

    _runner.load_again(globals())
