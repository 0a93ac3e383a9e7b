.input x shape=[2]
.element 1
.element 0 -> core 0 axon 0  ;//~ ERROR E0308 @10
