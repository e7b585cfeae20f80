"""Images that are changed against each network, or against another one."""
