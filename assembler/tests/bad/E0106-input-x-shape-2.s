.input x shape=[2]
.element 2 -> core 0 axon 0  ;//~ ERROR E0106 @10
