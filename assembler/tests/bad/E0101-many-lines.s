.cor 0
;//~^ ERROR E0101 @1
.core 0
.group lif lanes=2
.kernel lif
.const THETA = 5 5
;//~^ ERROR E0005 @18
.slot v = 1 2 3
;//~^ ERROR E0305 @15
.slot w 99
;//~^ ERROR E0106 @9
.lane -> core 0 axon
;//~^ ERROR E0004 @21
.lanes 3
;//~^ ERROR E0101 @1
.axon neuron x
;//~^ ERROR E0006 @14
.axon neuron 0
.sparse = 0:1 9:1
;//~^ ERROR E0106 @15
  0:1 0:999
;//~^ ERROR E0106 @9
  1:1
.update
;//~^ ERROR E0102 @1
